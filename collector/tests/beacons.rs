//! `GET /v1/beacons`: what it shows while a player is set up, and which callers it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tallylight_collector::Settings;
use tallylight_serve::Peer;
use world::{Answer, NOW, World, post};

async fn look(world: &World, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(format!("/v1/beacons?k=demo{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

const HERE: &[(&str, &str)] = &[("host", "127.0.0.1:7701")];

fn beacons(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let seen: Value = serde_json::from_str(&answer.body).unwrap();
    seen["beacons"].as_array().unwrap().clone()
}

#[tokio::test]
async fn records_after_the_first_look_are_shown_with_their_errors() {
    let world = World::start().await;
    let good = format!("cid=\"demo\",e=ps,sid=\"mine-1\",sn=0,sta=s,ts={},v=2", NOW / 1_000);
    world.post("/v1/cmcd", "application/cmcd", good.clone()).await.check();
    assert!(beacons(&look(&world, "", HERE).await).is_empty(), "this is the first look");

    let other = good.replace("mine-1", "theirs").replace("sn=0", "sn=1");
    let body = format!("{good}\n{other}\ncid=\"demo\",e=t,ts=1");
    world.post("/v1/cmcd", "application/cmcd", body).await.check();
    world.send(post("/v1/cmcd", "image/png", good.clone())).await.check();
    let wrong_key = Request::post("/v1/cmcd?k=secret-of-another");
    world.send(wrong_key.body(Body::from(good)).unwrap()).await.check();
    let event = r#"[{"type": "player", "e": "ps", "sid": "mine-2", "ts": 1795000000000}]"#;
    world.post("/v1/events", "application/json", event).await.check();

    let seen = beacons(&look(&world, "&sid=mine", HERE).await);
    let ends: Vec<&str> = seen.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(ends, ["none", "no_sid", "415", "401", "none"]);
    assert_eq!(seen[0]["wrong"].as_array().map(Vec::len), Some(0), "{}", seen[0]);
    assert!(seen[1]["wrong"][0].as_str().unwrap().contains("`sid`"), "{}", seen[1]);
    assert!(seen[2]["wrong"][0].as_str().unwrap().contains("image/png"), "{}", seen[2]);
    assert!(!seen[3].to_string().contains("secret-of-another"), "{}", seen[3]);
    assert_eq!(seen[4]["source"], "events");
    let after = format!("&after={}", seen[3]["n"]);
    assert_eq!(beacons(&look(&world, &after, HERE).await).len(), 1);
    assert_eq!(look(&world, "&last=x", HERE).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn other_sites_and_other_machines_see_nothing() {
    let world = World::start().await;
    for headers in [
        &[("host", "127.0.0.1:7701"), ("origin", "http://evil.example")] as &[_],
        &[("host", "evil.example:7701")],
        &[("host", "127.0.0.1.evil.example")],
        // A proxy on this machine that forwards another client's request.
        &[("host", "127.0.0.1:7701"), ("x-forwarded-for", "192.0.2.7")],
        &[("host", "127.0.0.1:7701"), ("forwarded", "for=192.0.2.7")],
        &[],
    ] {
        let answer = look(&world, "", headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{headers:?}");
    }
    for host in ["localhost", "[::1]:7701"] {
        assert_eq!(look(&world, "", &[("host", host)]).await.status, StatusCode::OK, "{host}");
    }
    // The client chooses the `host` header, so its address decides.
    for (peer, status) in [
        ("192.0.2.7:1", StatusCode::FORBIDDEN),
        ("127.0.0.1:1", StatusCode::OK),
        ("[::ffff:127.0.0.1]:1", StatusCode::OK),
    ] {
        let mut request = Request::get("/v1/beacons?k=demo").header("host", "localhost");
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        request.extensions_mut().unwrap().insert(Peer(peer));
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{peer}");
    }
    let settings = Settings { beacons_to_all: true, ..Settings::default() };
    let open = World::with(settings).await;
    assert_eq!(look(&open, "", &[("host", "tv.example")]).await.status, StatusCode::OK);
}
