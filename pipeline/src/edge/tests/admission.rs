//! An edge's capacity, the sessions that it refuses, and the switches that change both.

use super::*;

impl Pair {
    /// The status that a session of that name gets for segment `k`.
    async fn ask(&self, sid: &str, k: u64) -> u16 {
        self.get(&format!("{}?CMCD=sid%3D%22{sid}%22", path(k))).await.status().as_u16()
    }

    async fn load(&self) -> (u64, u64, u64) {
        let load: Value = self.get("/load").await.json().await.unwrap();
        assert_eq!(load["name"], "e1");
        let number = |name: &str| load[name].as_u64().unwrap();
        (number("capacity_kbps"), number("reserved_kbps"), number("sessions"))
    }
}

#[tokio::test]
async fn a_full_edge_refuses_new_sessions_and_reports_its_load() {
    // The demo's best rung is 700 kbit/s here, so there is room for three.
    let pair = Pair::start(2_040, |settings| settings.capacity_kbps = 2_200).await;
    // Until a segment was fetched, the edge does not know its rung's bitrate.
    assert_eq!(pair.ask("first", K - 9).await, 200);
    for sid in ["a", "b", "c"] {
        assert_eq!(pair.ask(sid, K - 9).await, 200);
    }
    assert_eq!(pair.load().await, (2_200, 2_100, 3));
    let refused = pair.get(&format!("{}?CMCD=sid%3D%22d%22", path(K - 9))).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "2"));
    assert_eq!(
        (header(&refused, "tallylight-edge"), header(&refused, "cache-control")),
        ("e1", "no-store")
    );
    assert_eq!(pair.get(&path(K - 9)).await.status(), 503, "without a sid it is a session too");
    assert_eq!(pair.metric("over_capacity_total").await, 2);
    assert_eq!(pair.metric("turned_away_total").await, 0, "nobody waited for the origin");
    assert_eq!(pair.ask("a", K - 8).await, 200, "admitted sessions stay");
    assert_eq!(pair.get("/live/demo/v-360/init-0360.mp4").await.status(), 200);
    // A probe is not a viewer.
    let probe = pair.origin.client.get(pair.url(&path(K - 9))).header("tallylight-probe", "1");
    assert_eq!(probe.send().await.unwrap().status(), 200);
    // Other customers fill the edge: the latest session is refused.
    pair.faults.overload(50);
    assert_eq!((pair.ask("c", K - 8).await, pair.ask("a", K - 7).await), (503, 200));
    pair.faults.overload(0);
    pair.origin.clock.advance_us(11_000_000);
    assert_eq!((pair.ask("d", K - 8).await, pair.load().await.2), (200, 1));
    for _ in 0..150 {
        let events = pair.events.lock().clone();
        if let Some(load) =
            events.iter().rfind(|event| event["action"] == "load" && event["sessions"] == 1)
        {
            assert_eq!((&load["reserved_kbps"], &load["edge"]), (&700.into(), &"e1".into()));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the load was not reported");
}

#[tokio::test]
async fn a_cap_is_stated_for_the_same_object_and_lifted_by_a_plain_answer() {
    let pair = Pair::start(2_040, |settings| settings.capacity_kbps = 9_000).await;
    let mb = async |path: &str| {
        let answer = pair.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        header(&answer, "cmsd-dynamic").rsplit_once(";mb=").unwrap().1.to_owned()
    };
    let plain = path(K - 9);
    assert_eq!(mb(&format!("/mb/202{plain}")).await, "202");
    assert_eq!(mb(&plain).await, "9000");
    assert_eq!(pair.metric("upstream_requests_total").await, 1, "one object in the cache");
    for wrong in ["/mb/0", "/mb/-1", "/mb/x", "/mb/99999999999", "/mb/", "/mb"] {
        assert_eq!(pair.get(&format!("{wrong}{plain}")).await.status(), 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_slow_edge_is_slow_and_nothing_else() {
    let pair = Pair::start(2_040, |_| {}).await;
    assert_eq!(pair.ask("a", K - 9).await, 200);
    pair.faults.slow(300);
    let asked = Instant::now();
    assert_eq!(pair.ask("a", K - 9).await, 200);
    assert!(asked.elapsed() >= Duration::from_millis(300));
    pair.faults.slow(0);
    within(Duration::from_millis(250), async || {
        let asked = Instant::now();
        assert_eq!(pair.ask("a", K - 9).await, 200);
        asked.elapsed()
    })
    .await;
}
