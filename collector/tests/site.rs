//! What surrounds the records of a site or player: CORS, compression, metrics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use world::{NOW, World};

fn event(sid: &str, sn: u64) -> String {
    format!("bl=1200,e=ps,sid=\"{sid}\",sn={sn},sta=p,ts={},v=2", NOW / 1_000)
}

#[tokio::test]
async fn compressed_and_bearer_requests_are_accepted() {
    let world = World::start().await;
    let text = event("a", 1);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 0).unwrap();
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4_096, 5, 22);
    brotli.write_all(text.as_bytes()).unwrap();
    for (encoding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("zstd", zstd),
        ("br", brotli.into_inner()),
    ] {
        let request = reqwest::Client::new().post(format!("{}/v1/cmcd", world.url));
        let request = request.bearer_auth("demo").header("content-encoding", encoding);
        assert_eq!(request.body(body).send().await.unwrap().status(), 204, "{encoding}");
    }
}

#[tokio::test]
async fn any_site_may_send() {
    let world = World::start().await;
    let client = reqwest::Client::new();
    let url = format!("{}/v1/cmcd", world.url);
    let preflight = client
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,cmcd-session")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://example.org");
    assert_eq!(preflight.headers()["access-control-allow-credentials"], "true");
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap();
    for name in ["content-type", "content-encoding", "authorization", "cmcd-session"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    let refused = client.post(&url).header("origin", "https://e.org").body("x").send().await;
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://e.org");
    assert_eq!(refused.headers()["access-control-allow-credentials"], "true");
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    assert_eq!(exposed, "tallylight-fates,tallylight-dropped-values,tallylight-pace,retry-after");
}

#[tokio::test]
async fn metrics_count_fates_and_requests() {
    let world = World::start().await;
    let body = [event("a", 1), "e=ps".to_owned()].join("\n");
    world.post("/v1/cmcd", "application/cmcd", body).await;
    world.post("/nowhere", "", "x").await;
    let text = reqwest::get(format!("{}/metrics", world.url)).await.unwrap().text().await.unwrap();
    for line in [
        r#"tallylight_events_total{fate="accepted",reason="none",source="cmcd"} 1"#,
        r#"tallylight_events_total{fate="rejected",reason="no_sid",source="cmcd"} 1"#,
        r#"tallylight_requests_total{route="/v1/cmcd",status="204"} 1"#,
        r#"tallylight_requests_total{route="other",status="404"} 1"#,
        "tallylight_collector_append_seconds_count 1",
        "tallylight_collector_queue_records 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
