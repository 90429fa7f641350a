//! Players that report only to their server: one of our edges, or a CDN whose logs come by OTLP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::grid::Grid;
use tallylight_tests::world::World;

/// The CMCD of an older player's requests, in order.
const SAID: [&str; 6] = ["su", "su", "bl=2000", "bl=4000", "bs,su", "bl=1900"];

/// The key by which a CDN's exporter proves that it is trusted.
const KEY: &str = "a-key-that-nobody-guesses";

fn cmcd(sid: &str, said: &str) -> String {
    format!("br=700,cid=\"older\",ot=v,sid=\"{sid}\",{said}")
}

/// A request of segment `k` at an edge.
async fn ask(world: &World, client: &Client, sid: &str, said: &str, k: u64) {
    let url = format!("{}/live/demo/v-360/{k}.m4s", world.url(11));
    let answer = client.get(url).query(&[("CMCD", cmcd(sid, said))]).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

/// The same request as a line of a CDN's log.
async fn log(world: &World, client: &Client, sid: &str, said: &str, k: u64) {
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let mut url =
        reqwest::Url::parse(&format!("https://cdn.example/live/demo/v-360/{k}.m4s")).unwrap();
    url.query_pairs_mut().append_pair("CMCD", &cmcd(sid, said));
    let attributes = [
        text("http.request.method", "GET"),
        text("url.full", url.as_str()),
        text("http.response.status_code", "200"),
        text("http.response.body.size", "70000"),
        text("http.server.request.duration", "0.05"),
    ];
    let time = format!("{}000", WallClock.now_us());
    let record = json!({"timeUnixNano": time, "attributes": attributes});
    let resource = json!({"attributes": [text("service.name", "cdn"), text("host.name", "pop-1")]});
    let body =
        json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]});
    let url = format!("{}/v1/logs?k=demo", world.collector());
    let answer = client.post(url).bearer_auth(KEY).json(&body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn players_that_report_only_to_an_edge_or_a_cdn_have_a_derived_session() {
    let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(config.path(), format!("service_key = \"{KEY}\"\n")).unwrap();
    let path = config.path().display().to_string();
    let world =
        World::start_beside(&["--viewers", "0", "--source", "loop", "--config", &path]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let client = Client::new();
    let newest = Grid::DEMO.k_at(WallClock.now_us()) - 2;
    let mut asked = Vec::new();
    for (said, k) in SAID.into_iter().zip(newest - 5..) {
        asked.push(WallClock.now_ms());
        ask(&world, &client, "at-an-edge", said, k).await;
        log(&world, &client, "at-a-cdn", said, k).await;
        tokio::time::sleep(Duration::from_millis(1_000)).await;
    }
    for sid in ["at-an-edge", "at-a-cdn"] {
        let at = format!("/v1/sessions?sid={sid}");
        world.wait_for("the session", 10, async || world.json(&at).await[0]["events"] == 6).await;
        let row = &world.json(&at).await[0];
        assert_eq!((&row["derived"], &row["cid"]), (&json!(true), &json!("older")), "{row}");
        assert_eq!((&row["rebuffer_count"], &row["outcome"]), (&json!(1), &json!("playing")));
        let near = |name: &str, ms: i64| (row[name].as_i64().unwrap() - ms).abs() < 400;
        assert!(near("startup_ms", asked[2] - asked[0]), "{row}, asked at {asked:?}");
        assert!(near("rebuffering_ms", asked[5] - asked[4]), "{row}, asked at {asked:?}");
        for table in ["sessions", "live_sessions"] {
            let found = format!("SELECT derived FROM {table} WHERE sid = '{sid}'");
            assert_eq!(world.sql(&found).await, [json!({"derived": true})], "{table}");
        }
    }
    // Every record has its fate, by the source that reported it.
    let by_source = "SELECT source, sum(events) AS n FROM fates_1s WHERE fate = 'accepted' AND \
                     source IN ('edge', 'otlp') GROUP BY 1 ORDER BY 1";
    let wanted = [json!({"source": "edge", "n": 6}), json!({"source": "otlp", "n": 6})];
    world.wait_for("the fates", 10, async || world.sql(by_source).await == wanted).await;
    let seen = "SELECT max(viewers) AS v, max(derived_viewers) AS d FROM playback \
                WHERE cuboid = 'content' AND content = 'older'";
    assert_eq!(world.sql(seen).await, [json!({"v": 2, "d": 2})]);
}
