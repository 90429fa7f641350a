//! The tail: records as they arrive, filtered by a condition.

use std::time::Duration;

use serde_json::{Value, json};
use tallylight_eventlog::Part;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::ipc;
use tallylight_schemas::player::{About, Envelope, PlayerBatchBuilder};
use tallylight_schemas::record::{EVENTS, Kind};

use crate::support::{NOW_S, World, settings, world};

/// Appends records of `tenant` as one entry.
async fn append(world: &World, tenant: &str, records: &[&str]) {
    let mut builder = PlayerBatchBuilder::new();
    for text in records {
        let record = cmcd::parse(text, Mode::Event).unwrap();
        let envelope = Envelope {
            tenant,
            mode: Mode::Event,
            source: "cmcd",
            received_at: NOW_S * 1_000_000,
            about: About::default(),
        };
        builder.push(&envelope, &record);
    }
    let payload = ipc::encode(&builder.finish().unwrap()).unwrap().into();
    let part = Part { kind: Kind::Player.code(), ranges: Vec::new(), payload };
    world.log.append(EVENTS, vec![part]).await.unwrap();
}

struct Lines {
    answer: reqwest::Response,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(world: &World, query: &[(&str, &str)]) -> Self {
        let answer = ask(world, query).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        Self { answer, rest: Vec::new() }
    }

    async fn next(&mut self) -> Value {
        let line = async {
            loop {
                if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.rest.drain(..=end).collect();
                    return serde_json::from_slice(&line).unwrap();
                }
                let chunk = self.answer.chunk().await.unwrap().expect("the tail goes on");
                self.rest.extend_from_slice(&chunk);
            }
        };
        tokio::time::timeout(Duration::from_secs(10), line).await.expect("a line in 10 s")
    }
}

async fn ask(world: &World, query: &[(&str, &str)]) -> reqwest::Response {
    reqwest::Client::new().get(world.url("/v1/tail")).query(query).send().await.unwrap()
}

const RECORDS: [&str; 3] = [
    "e=ps,sid=\"a\",cid=\"one\",ts=1700000000000,sta=p,v=2",
    "e=t,sid=\"b\",cid=\"one\",ts=1700000000001,bl=(4000),v=2",
    "e=e,sid=\"b\",cid=\"two\",ts=1700000000002,ec=(\"404\"),v=2",
];

#[tokio::test]
async fn a_condition_picks_records_as_they_arrive() {
    let world = world(settings()).await;
    append(&world, "demo", &RECORDS).await;
    let query = [("where", "sid = 'b' -- only b\n"), ("columns", "sid, e,cid,bl,os")];
    let mut lines = Lines::open(&world, &query).await;
    assert_eq!(lines.next().await, json!({"tail": {"from": 1, "next": 1}}), "nothing from before");
    append(&world, "other", &RECORDS).await;
    append(&world, "demo", &RECORDS).await;
    let heartbeat = json!({"sid": "b", "e": "t", "cid": "one", "bl": [{"v": 4000, "ot": null}]});
    assert_eq!(lines.next().await, heartbeat);
    assert_eq!(lines.next().await, json!({"sid": "b", "e": "e", "cid": "two"}));
    append(&world, "demo", &RECORDS[2..]).await;
    assert_eq!(lines.next().await["cid"], "two", "the other tenant's records are not shown");
}

#[tokio::test]
async fn functions_that_a_plan_turns_into_others_pick_records_too() {
    let world = world(settings()).await;
    for condition in [
        "coalesce(cid, 'one') = 'two'",
        "nvl(cid, 'one') = 'two'",
        "nvl2(cid, cid, 'one') = 'two'",
        "arrow_cast(sn, 'Utf8') IS NULL AND arrow_cast(cid, 'LargeUtf8') = 'two'",
        "ts = TIMESTAMP '2023-11-14T22:13:20.002Z'",
        "regexp_like(cid, '^tw')",
    ] {
        let query = [("where", condition), ("columns", "sid,cid")];
        let mut lines = Lines::open(&world, &query).await;
        lines.next().await;
        append(&world, "demo", &RECORDS).await;
        assert_eq!(lines.next().await, json!({"sid": "b", "cid": "two"}), "{condition}");
    }
}

#[tokio::test]
async fn what_a_record_says_of_itself_is_known_as_in_history() {
    let world = world(settings()).await;
    let claims = "com.tallylight-country=\"DE\",com.tallylight-device=\"tv\",e=t,sid=\"c\",\
                  ts=1700000000003,v=2";
    for condition in ["source = 'cmcd' AND device = 'tv' AND country = 'DE'", "sid = 'c'"] {
        let query = [("where", condition), ("columns", "sid,source,device,country")];
        let mut lines = Lines::open(&world, &query).await;
        lines.next().await;
        append(&world, "demo", &[RECORDS[0], claims]).await;
        let known = json!({"sid": "c", "source": "cmcd", "device": "tv", "country": "DE"});
        assert_eq!(lines.next().await, known, "{condition}");
    }
}

#[tokio::test]
async fn a_tail_continues_where_another_ended() {
    let world = world(settings()).await;
    append(&world, "demo", &RECORDS[..1]).await;
    append(&world, "demo", &RECORDS[1..]).await;
    let mut lines = Lines::open(&world, &[("from", "1"), ("columns", "sid")]).await;
    assert_eq!(lines.next().await["tail"]["next"], 1);
    assert_eq!(lines.next().await, json!({"sid": "b"}));
    assert_eq!(lines.next().await, json!({"sid": "b"}));
    world.stop.cancel();
    assert_eq!(lines.next().await, json!({"tail": {"end": true, "next": 2}}));
}

#[tokio::test]
async fn errors_say_what_can_be_requested() {
    let world = world(settings()).await;
    for (query, status, says) in [
        ([("table", "sessions")], 400, "records come into player_events and delivery_events"),
        ([("columns", "sid,fate")], 400, "no column fate is known when a record comes in"),
        ([("where", "edge = 'e1'")], 400, "line 1, column 1: there is no column edge"),
        ([("where", "sid = ")], 400, "cannot be read"),
        ([("where", "sid")], 400, "non-boolean predicate"),
        ([("where", "true) UNION (SELECT * FROM player_events")], 400, "one condition"),
        ([("where", "true) OR sid IN (SELECT sid FROM player_events")], 400, "one condition"),
        ([("where", "sid IN (SELECT sid FROM sessions)")], 400, "there is no table sessions"),
        ([("where", "true); DROP TABLE player_events; SELECT (1")], 403, "send one"),
        ([("wher", "true")], 400, "the query cannot be read"),
        ([("where", "ts > now() - INTERVAL '1 hour'")], 400, "now would be frozen"),
        ([("where", "ts::date = current_date")], 400, "current_date would be frozen"),
        ([("where", "ts < CURRENT_TIMESTAMP")], 400, "now would be frozen"),
        ([("where", "ts::time < current_time")], 400, "current_time would be frozen"),
        ([("where", "NULL")], 400, "one condition"),
        ([("where", "1 / 0 = 1")], 400, "zero"),
        ([("where", "regexp_like(sid, cid)")], 422, "must be a literal"),
        ([("where", "NULL::BIGINT[100000][2147483647] IS NULL")], 422, "takes no length"),
        ([("where", "arrow_cast(NULL, 'FixedSizeList(9, Int8)') IS NULL")], 422, "FixedSizeList"),
    ] {
        let answer = ask(&world, &query).await;
        assert_eq!(answer.status(), status, "{query:?}");
        let problem: Value = answer.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query:?}: {problem}");
    }
}

#[tokio::test]
async fn a_client_that_disconnects_releases_its_permit() {
    let mut settings = settings();
    settings.tails = 1;
    let world = world(settings).await;
    let mut lines = Lines::open(&world, &[]).await;
    lines.next().await;
    let full = ask(&world, &[]).await;
    assert_eq!(full.status(), 503);
    assert_eq!(world.metric("tallylight_dashboard_tails").await, 1.0);
    drop((full, lines));
    let freed = async {
        while ask(&world, &[]).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.expect("its permit is released");
    let counted = async {
        while world.metric("tallylight_dashboard_tails").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), counted).await.expect("no tail is counted");
}
