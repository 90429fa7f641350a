//! Requests forwarded to other services.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use crate::support::{World, settings, world};

/// A service that echoes the request.
async fn echo(request: Request) -> Response {
    let header = |name: &str| {
        let value = request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        value.unwrap_or_else(|| "-".into())
    };
    let seen = format!(
        "{} {} root={} seen={} cmcd={} secret={} host={}",
        request.method(),
        request.uri(),
        header("tallylight-root-relative"),
        header("x-forwarded-host"),
        header("cmcd-session"),
        header("x-secret"),
        header("host"),
    );
    Response::builder()
        .header("x-seen", seen)
        .header("cmsd-static", "at=1")
        .header("connection", "x-inner")
        .header("x-inner", "1")
        .body(request.into_body())
        .unwrap()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    addr
}

async fn before(upstream: SocketAddr) -> World {
    let mut settings = settings();
    let base = format!("http://{upstream}");
    settings.upstreams.steering.clone_from(&base);
    settings.upstreams.collector.clone_from(&base);
    settings.upstreams.edges.insert("e1".into(), base);
    world(settings).await
}

async fn echoed(world: &World, path: &str) -> String {
    let client = reqwest::Client::new();
    let request = client.get(world.url(path)).header("cmcd-session", "sid=\"a\"");
    let request = request.header("connection", "x-secret").header("x-secret", "1");
    let answer = request.header("tallylight-root-relative", "1").send().await.unwrap();
    assert_eq!(answer.headers()["cmsd-static"], "at=1");
    assert!(!answer.headers().contains_key("x-inner"), "headers of the connection stay on it");
    answer.headers()["x-seen"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_path_goes_where_it_belongs_with_its_headers() {
    let upstream = serve(Router::new().fallback(echo)).await;
    let world = before(upstream).await;
    let rest = format!("cmcd=sid=\"a\" secret=- host={upstream}");
    let root = world.url("");
    let host = root.trim_start_matches("http://").trim_end_matches('/').to_owned();
    for (asked, sent, root) in [
        ("/live/demo/master.m3u8?a=%2F&b", "/live/demo/master.m3u8?a=%2F&b", "1"),
        ("/steering/hls?x=1", "/steering/hls?x=1", "1"),
        ("/v1/steering", "/v1/steering", "1"),
        ("/v1/actions/a-1", "/v1/actions/a-1", "1"),
        ("/v1/incidents/i-1", "/v1/incidents/i-1", "1"),
        (
            "/v1/cmcd?k=demo&CMCD=v%3D1%2Csid%3D%22a%22",
            "/v1/cmcd?k=demo&CMCD=v%3D1%2Csid%3D%22a%22",
            "-",
        ),
        ("/v1/events?k=demo", "/v1/events?k=demo", "-"),
        ("/e1/live/demo/v-360/7.m4s?CMCD=x", "/live/demo/v-360/7.m4s?CMCD=x", "-"),
    ] {
        // The service that makes manifests learns where the browser found them.
        let seen = if root == "1" { host.as_str() } else { "-" };
        let got = echoed(&world, asked).await;
        assert_eq!(got, format!("GET {sent} root={root} seen={seen} {rest}"));
    }
}

/// Echoes the headers in which proxies report where the request came from.
async fn echo_forwarded(request: Request) -> String {
    let values_of = |name| {
        let values = request.headers().get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
    };
    format!("{} | {}", values_of("x-forwarded-for"), values_of("forwarded"))
}

#[tokio::test]
async fn the_collector_alone_learns_the_address_of_the_client() {
    let world = before(serve(Router::new().fallback(echo_forwarded)).await).await;
    let ask = async |path: &str, header: (&'static str, &str)| {
        let request = reqwest::Client::new().get(world.url(path)).header(header.0, header.1);
        request.send().await.unwrap().text().await.unwrap()
    };
    let (none, before) = (("x-other", "1"), ("x-forwarded-for", "203.0.113.9"));
    assert_eq!(ask("/v1/cmcd?k=demo", none).await, "127.0.0.1 | ");
    assert_eq!(ask("/v1/events?k=demo", before).await, "203.0.113.9, 127.0.0.1 | ");
    let standard = ("forwarded", "for=203.0.113.9;proto=https");
    let both = " | for=203.0.113.9;proto=https, for=127.0.0.1";
    assert_eq!(ask("/v1/cmcd?k=demo", standard).await, both);
    assert_eq!(ask("/e1/live/demo/v-360/1.m4s", none).await, " | ");
    assert_eq!(ask("/live/demo/master.m3u8", none).await, " | ");
}

#[tokio::test]
async fn a_change_is_json_and_its_origin_stays_here() {
    let world = before(serve(Router::new().fallback(echo_origin)).await).await;
    let post = async |path: &str, media_type: &str| {
        let origin = world.url("").trim_end_matches('/').to_owned();
        let request = reqwest::Client::new().post(world.url(path)).header("origin", origin);
        let answer = request.header("content-type", media_type).body("{}").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let answered = (200, "no origin".to_owned());
    assert_eq!(post("/v1/steering", "application/json; charset=utf-8").await, answered);
    assert_eq!(post("/v1/actions/a-1", "application/json").await, answered);
    assert_eq!(post("/v1/actions/a-1", "text/plain").await.0, 400);
    assert_eq!(post("/v1/incidents/i-1", "application/x-www-form-urlencoded").await.0, 400);
    assert_eq!(post("/v1/faults", "application/json").await.0, 404, "there are none here");
    assert_eq!(post("/v1/play/demo", "text/plain").await.1, world.url("").trim_end_matches('/'));
}

async fn echo_origin(request: Request) -> String {
    let origin = request.headers().get("origin").map(|value| value.to_str().unwrap().to_owned());
    origin.unwrap_or_else(|| "no origin".into())
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let world = before(serve(Router::new().fallback(echo)).await).await;
    let (send, receive) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let receive = Arc::new(Mutex::new(receive));
    let body = futures::stream::unfold(receive, |receive| async move {
        let next = receive.lock().await.recv().await?;
        Some((next, receive))
    });
    send.send(Ok("first".into())).await.unwrap();
    let posted = reqwest::Client::new()
        .post(world.url("/v1/cmcd?k=demo"))
        .body(reqwest::Body::wrap_stream(body))
        .send();
    let answer = timeout(Duration::from_secs(5), posted).await.expect("an answer begins").unwrap();
    let mut echoed = answer.bytes_stream();
    let first = timeout(Duration::from_secs(5), echoed.next()).await.expect("before the end");
    assert_eq!(first.unwrap().unwrap(), "first");
    send.send(Ok("second".into())).await.unwrap();
    drop(send);
    assert_eq!(echoed.next().await.unwrap().unwrap(), "second");
    assert!(echoed.next().await.is_none());
}

#[tokio::test]
async fn an_unreachable_service_is_named() {
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let world = before(gone).await;
    for (path, name) in [
        ("/live/demo/manifest.mpd", "steering service"),
        ("/v1/events", "collector"),
        ("/e1/x", "edge e1"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status(), 502);
        let problem: Value = answer.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(name) && detail.contains(&gone.to_string()), "{detail}");
        assert!(detail.contains("tallylight up"), "{detail}");
    }
    let count = "tallylight_dashboard_proxied_total{upstream=\"collector\",outcome=\"failed\"}";
    assert_eq!(world.metric(count).await, 1.0);
}

#[tokio::test]
async fn an_answer_keeps_its_status_and_length() {
    let router = Router::new().fallback(|| async {
        Response::builder()
            .status(404)
            .header("cache-control", "no-store")
            .body(Body::from("no"))
            .unwrap()
    });
    let world = before(serve(router).await).await;
    let answer = world.get("/e1/live/demo/v-360/1.m4s").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-length"], "2");
}
