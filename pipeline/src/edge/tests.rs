//! An edge in front of a real origin, both on one clock.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Json;
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::origin::tests::support::{K, World, arrive, at, header, until, within};

mod admission;

type Events = Arc<Mutex<Vec<Value>>>;

struct Pair {
    origin: World,
    addr: SocketAddr,
    events: Events,
    faults: Arc<Faults>,
    _data: tempfile::TempDir,
}

async fn collector() -> (String, Events) {
    let events = Events::default();
    let kept = events.clone();
    let handler = post(async move |Json(body): Json<Vec<Value>>| {
        kept.lock().extend(body);
        axum::http::StatusCode::NO_CONTENT
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/v1/events", handler)).await },
    );
    (url, events)
}

impl Pair {
    async fn start(ms: i64, change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let origin = World::start(data.path(), ms).await;
        origin.announce().await;
        let (collector_url, events) = collector().await;
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            origin_url: format!("http://{}", origin.addr),
            collector_url: Some(collector_url),
            // No wait for the origin ends because the machine stands still.
            origin_timeout_ms: 60_000,
            ..Settings::default()
        };
        change(&mut settings);
        let (parts, faults) = (Parts { clock: origin.clock.clone() }, Arc::<Faults>::default());
        let service = build_with(settings, parts, faults.clone()).await.unwrap();
        let addr = service.addr();
        tokio::spawn(service.run(CancellationToken::new()));
        Self { origin, addr, events, faults, _data: data }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.origin.client.get(self.url(path)).send().await.unwrap()
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("tallylight_edge_{name} ")))
            .unwrap()
            .to_owned();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until the edge has made this many requests to the origin.
    async fn fetches(&self, count: u64) {
        let made = async || self.metric("upstream_requests_total").await >= count;
        until("requests to the origin", made).await;
    }

    async fn reported(&self, count: usize) -> Vec<Value> {
        for _ in 0..200 {
            let mut events = self.events.lock().clone();
            // The load is reported each second.
            events.retain(|event| event["action"] != "load");
            if events.len() >= count {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} events were not reported");
    }
}

fn path(k: u64) -> String {
    format!("/live/demo/v-360/{k}.m4s")
}

#[tokio::test]
async fn a_hundred_viewers_are_one_request_to_the_origin() {
    let pair = Pair::start(500, |_| {}).await;
    let ask = |n: usize| {
        let query = format!("{}?CMCD=sid%3D%22s-{n}%22%2Ccid%3D%22demo%22", path(K));
        tokio::spawn(pair.origin.client.get(pair.url(&query)).send())
    };
    let first = ask(0);
    pair.fetches(1).await;
    let asked: Vec<_> = (1..100).map(ask).collect();
    arrive().await;
    // The client whose request is at the origin disconnects; the others are not affected.
    first.abort();
    tokio::time::sleep(Duration::from_millis(50)).await;
    pair.origin.clock.advance_us(1_540_000);
    pair.origin.publish("v-360", K).await;
    let mut bodies = Vec::new();
    for request in asked {
        let answer = request.await.unwrap().unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "tallylight-cache")),
            (200, "joined")
        );
        let cmsd =
            format!(r#"at={},br=700,d=2000,ht=1540,n="edge-e1",ot=v,st=l"#, at(2_040) / 1_000);
        assert_eq!(header(&answer, "cmsd-static"), cmsd);
        assert_eq!(
            header(&answer, "cmsd-dynamic"),
            r#""origin-A";rd=1540, "edge-e1";rd=1540;mb=140000"#
        );
        bodies.push(answer.bytes().await.unwrap());
    }
    assert!(bodies.iter().all(|body| *body == pair.origin.segment("v-360", K)));
    assert_eq!(pair.metric("upstream_requests_total").await, 1);

    pair.origin.clock.advance_us(1_000_000);
    let hit = pair.get(&format!("{}?anything=else", path(K))).await;
    assert_eq!((header(&hit, "tallylight-cache"), header(&hit, "age")), ("hit", "1"));
    assert!(header(&hit, "cmsd-static").contains("ht=0,"));
    assert_eq!(header(&hit, "cmsd-dynamic"), r#""origin-A", "edge-e1";rd=0;mb=140000"#);
    assert_eq!(pair.metric("upstream_requests_total").await, 1);

    let events = pair.reported(100).await;
    assert!(events.iter().all(|event| event["hit"] == true), "the origin was asked for none");
    assert_eq!(pair.metric("cache_hits_total").await, 100, "as the events count");
    let last = events.iter().find(|event| event["sid"].is_null()).unwrap();
    assert_eq!(
        (&last["pipeline"], &last["edge"], &last["k"]),
        (&"A".into(), &"e1".into(), &K.into())
    );
    let held = events.iter().find(|event| event["sid"] == "s-7").unwrap();
    assert_eq!((&held["held_us"], &held["ttfb_us"]), (&1_540_000.into(), &1_540_000.into()));
    assert_eq!(
        (&held["cid"], &held["type"], &held["source"]),
        (&"demo".into(), &"delivery".into(), &"edge-e1".into())
    );
    // Of the query only CMCD is reported.
    assert_eq!((&held["cmcd"], last.get("cmcd")), (&r#"sid="s-7",cid="demo""#.into(), None));
}

#[tokio::test]
async fn a_404_is_not_kept() {
    let pair = Pair::start(-50, |_| {}).await;
    let early = pair.get(&path(K)).await;
    assert_eq!((early.status().as_u16(), header(&early, "cache-control")), (404, "no-store"));
    assert_eq!(
        (header(&early, "tallylight-edge"), header(&early, "timing-allow-origin")),
        ("e1", "*")
    );
    pair.origin.clock.advance_us(2_090_000);
    pair.origin.publish("v-360", K).await;
    assert_eq!(pair.get(&path(K)).await.status(), 200);
    assert_eq!(pair.get(&path(K - 80)).await.status(), 410);
    assert_eq!(
        pair.reported(3).await.iter().map(|e| e["status"].as_u64().unwrap()).collect::<Vec<_>>(),
        [404, 200, 410]
    );
}

#[tokio::test]
async fn names_under_which_nothing_was_served_are_not_reported() {
    let pair = Pair::start(-50, |_| {}).await;
    let paths = ["/live/nope/x/1.m4s".to_owned(), path(K), path(K - 9), path(K)];
    let mut answers = Vec::new();
    for path in &paths {
        answers.push(pair.get(path).await.status().as_u16());
    }
    assert_eq!(answers, [404, 404, 200, 404]);
    let events = pair.reported(4).await;
    let named = |at: usize| (&events[at]["stream"], &events[at]["track"], events[at]["k"].as_u64());
    let (none, demo, track) = (Value::from(""), Value::from("demo"), Value::from("v-360"));
    assert_eq!((named(0), named(1)), ((&none, &none, None), (&none, &none, None)));
    assert_eq!(named(3), (&demo, &track, Some(K)), "a segment of this track was served");
}

#[tokio::test]
async fn with_the_origin_gone_it_serves_what_it_has() {
    let pair = Pair::start(2_040, |_| {}).await;
    pair.origin.publish("v-360", K).await;
    assert_eq!(pair.get(&path(K)).await.status(), 200);
    let (origin, addr) = (pair.origin, pair.addr);
    let client = origin.client.clone();
    origin.stop().await;
    let get = async |k| client.get(format!("http://{addr}{}", path(k))).send().await.unwrap();
    assert_eq!(get(K).await.status(), 200);
    let lost = get(K - 1).await;
    assert_eq!((lost.status().as_u16(), header(&lost, "cache-control")), (502, "no-store"));
    assert_eq!(header(&lost, "content-type"), "application/problem+json");
}

#[tokio::test]
async fn players_of_any_site_are_welcome() {
    let pair = Pair::start(2_040, |_| {}).await;
    pair.origin.publish("v-360", K).await;
    let preflight = pair.origin.client.request(reqwest::Method::OPTIONS, pair.url(&path(K)));
    let preflight = preflight
        .header("origin", "https://player.example")
        .header("access-control-request-method", "GET");
    let answer =
        preflight.header("access-control-request-headers", "cmcd-session").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "access-control-allow-headers")),
        (200, "*")
    );
    let session = r#"cid="demo",sid="by-header""#;
    let answer = pair
        .origin
        .client
        .get(pair.url(&path(K)))
        .header("cmcd-session", session)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    assert!(header(&answer, "access-control-expose-headers").contains("cmsd-dynamic"));
    let init = pair.get("/live/demo/v-360/init-0360.mp4").await;
    assert_eq!(
        (init.status().as_u16(), header(&init, "cmsd-static")),
        (200, r#"n="edge-e1",ot=i,st=l"#)
    );
    let events = pair.reported(2).await;
    assert!(events.iter().any(|event| event["sid"] == "by-header"));
    assert_eq!(pair.get("/live/demo/v-360/segments.json").await.status(), 404);
}

#[tokio::test]
async fn the_cache_and_the_number_of_waiting_requests_are_bounded() {
    let pair = Pair::start(0, |settings| {
        settings.cache_bytes = 4_000;
        settings.max_waiting = 1;
    })
    .await;
    for k in K - 40..K - 2 {
        assert_eq!(pair.get(&path(k)).await.status(), 200);
    }
    let fetched = pair.metric("upstream_requests_total").await;
    for k in K - 40..K - 2 {
        assert_eq!(pair.get(&path(k)).await.status(), 200);
    }
    assert!(pair.metric("upstream_requests_total").await > fetched + 20);

    let fetched = pair.metric("upstream_requests_total").await;
    let held = tokio::spawn(pair.origin.client.get(pair.url(&path(K))).send());
    pair.fetches(fetched + 1).await;
    within(Duration::from_millis(500), async || {
        let asked = Instant::now();
        let refused = pair.get(&path(K)).await;
        assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "1"));
        asked.elapsed()
    })
    .await;
    held.abort();
}
