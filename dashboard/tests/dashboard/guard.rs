//! Foreign origins and hosts are refused.

use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{World, settings, world};

async fn socket_status(world: &World, origin: &str) -> u16 {
    let mut request = format!("ws://{}/v1/feed", world.addr).into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    match connect_async(request).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_foreign_origin_gets_no_feed() {
    let world = world(settings()).await;
    assert_eq!(socket_status(&world, &format!("http://{}", world.addr)).await, 101);
    assert_eq!(socket_status(&world, "http://evil.example").await, 403);
    assert_eq!(socket_status(&world, "http://127.0.0.1:1").await, 403);
    assert_eq!(socket_status(&world, "null").await, 403);
}

#[tokio::test]
async fn a_foreign_origin_or_host_gets_no_answer_but_health() {
    let world = world(settings()).await;
    let client = reqwest::Client::new();
    for path in ["/", "/v1/metrics", "/v1/sessions", "/live/demo/master.m3u8", "/v1/cmcd"] {
        for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
            let answer = client.get(world.url(path)).header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{path} {name}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("allowed_"), "{problem}");
        }
    }
    let probe = client.get(world.url("/healthz")).header("host", "10.0.0.7").send().await.unwrap();
    assert_eq!((probe.status().as_u16(), probe.text().await.unwrap().as_str()), (200, "ok"));
}
