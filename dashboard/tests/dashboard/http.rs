//! Pages, sessions, definitions, health.

use std::io::Read as _;
use std::time::Duration;

use serde_json::Value;
use tallylight_dashboard::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{settings, world};

#[tokio::test]
async fn every_route_of_the_app_is_its_index() {
    let world = world(settings()).await;
    for path in ["/", "/watch", "/health", "/sessions/abc", "/index.html"] {
        let page = world.get(path).await;
        assert_eq!(page.status(), 200, "{path}");
        let headers = page.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(headers["cache-control"], "no-cache", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("worker-src 'self' blob:"), "{policy}");
        assert!(page.text().await.unwrap().to_lowercase().starts_with("<!doctype html"), "{path}");
    }
}

#[tokio::test]
async fn a_page_is_sent_compressed_to_whoever_accepts_it() {
    let world = world(settings()).await;
    let asked = async |accepted: &'static str| {
        let request = reqwest::Client::new().get(world.url("/watch"));
        request.header("accept-encoding", accepted).send().await.unwrap()
    };
    for (accepted, packed) in
        [("br, gzip;q=0.5", true), ("GZIP", true), ("gzip;q=0", false), ("identity", false)]
    {
        let page = asked(accepted).await;
        assert_eq!(page.headers()["vary"], "accept-encoding", "{accepted}");
        assert_eq!(page.headers().contains_key("content-encoding"), packed, "{accepted}");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8", "{accepted}");
        let body = page.bytes().await.unwrap();
        let mut text = String::new();
        let read = flate2::read::GzDecoder::new(&*body).read_to_string(&mut text);
        assert_eq!(read.is_ok(), packed, "{accepted}");
        assert!(!packed || text.to_lowercase().starts_with("<!doctype html"), "{text}");
    }
}

#[tokio::test]
async fn a_missing_file_is_not_the_app() {
    let world = world(settings()).await;
    for path in ["/assets/gone-1234.js", "/favicon.nothing", "/v1/nothing", "/../Cargo.toml"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
    }
    let posted = reqwest::Client::new().post(world.url("/watch")).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(posted.headers()["allow"], "GET, HEAD");
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_a_problem() {
    let world = world(settings()).await;
    let client = reqwest::Client::new();
    for path in ["/v1/metrics", "/v1/sessions", "/v1/tail", "/v1/series", "/metrics", "/healthz"] {
        let answer = client.delete(world.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], "GET,HEAD", "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "urn:tallylight:problem:method-not-allowed", "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("does not take DELETE"), "{problem}");
    }
    // This does not bypass the guard.
    let far = client.delete(world.url("/v1/metrics")).header("host", "evil.example");
    assert_eq!(far.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn sessions_by_sid_and_limit() {
    let world = world(settings()).await;
    let rows: Vec<Value> = world.get("/v1/sessions").await.json().await.unwrap();
    assert_eq!((rows.len(), &rows[0]["tenant"]), (2, &Value::from("demo")));
    let rows: Vec<Value> = world.get("/v1/sessions?sid=b").await.json().await.unwrap();
    assert_eq!((rows.len(), &rows[0]["sid"]), (1, &Value::from("b")));
    let rows: Vec<Value> = world.get("/v1/sessions?limit=1").await.json().await.unwrap();
    assert_eq!(rows.len(), 1);
    for (query, status) in
        [("limit=0", 400), ("limit=1001", 400), ("limit=x", 400), ("sid=busy", 503)]
    {
        let answer = world.get(&format!("/v1/sessions?{query}")).await;
        assert_eq!(answer.status(), status, "{query}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status, "{query}");
    }
}

#[tokio::test]
async fn definitions_and_health() {
    let world = world(settings()).await;
    let definitions: Value = world.get("/v1/metrics").await.json().await.unwrap();
    assert_eq!(definitions["minimum_sample"], 20);
    assert_eq!(definitions["metrics"][0]["formula"]["kind"], "gauge");
    let reasons: Vec<Value> = world.get("/v1/reasons").await.json().await.unwrap();
    let untrusted = reasons.iter().find(|one| one["reason"] == "untrusted").unwrap();
    assert_eq!(untrusted["fate"], "rejected");
    assert!(untrusted["advice"].as_str().unwrap().contains("service key"), "{untrusted}");
    assert_eq!(world.get("/healthz").await.text().await.unwrap(), "ok");
    assert_eq!(world.get("/readyz").await.status(), 200);
    assert_eq!(world.metric("tallylight_dashboard_clients").await, 0.0);
    let plain = world.get("/v1/feed").await;
    assert_eq!(plain.status(), 400, "the feed is a WebSocket");
}

#[tokio::test]
async fn connections_without_a_request_are_closed_and_feeds_are_not() {
    let world = world(Settings { idle_s: 1, ..settings() }).await;
    let mut feed = world.feed("").await;
    let mut half = TcpStream::connect(world.addr).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), half.read_to_end(&mut rest));
    let _ = end.await.expect("closed after a second");
    for _ in 0..3 {
        feed.next_of("status").await;
    }
    // The feed, and what the pooled client of this test keeps open.
    assert!(world.metric("tallylight_dashboard_connections").await >= 1.0);
}
