//! Series by any dimensions: read once, kept while requested, and what is refused.

use std::time::Duration;

use serde_json::{Value, json};
use tallylight_schemas::ident::Shard;
use tallylight_schemas::ipc;
use tallylight_schemas::session::SpanRow;
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::history::{Copied, History, Parts};

use crate::support::{NOW_S, World, both, progress, settings, world_over};

struct Spans {
    world: World,
    history: History,
    _dir: tempfile::TempDir,
    offset: u64,
}

/// A dashboard whose processor answers with no rows of its own, final up to 100 s ago.
async fn spans() -> Spans {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts {
        dir: dir.path().to_owned(),
        log_id: "log".into(),
        shard: Shard::WHOLE,
        clock: std::sync::Arc::new(tallylight_schemas::clock::ManualClock::at_us(1)),
        faults: None,
    };
    let history = History::open(Default::default(), parts).await.unwrap();
    let (requests, mut requested) = tokio::sync::mpsc::channel(4);
    history.serve(requests);
    tokio::spawn(async move {
        while let Some(request) = requested.recv().await {
            request.answer(Some(Copied::new((NOW_S - 100) * 1_000_000, || Ok(Vec::new()))));
        }
    });
    let world = world_over(settings(), Some(history.clone())).await;
    world.append(&[], &both(NOW_S)).await;
    world.settled().await;
    Spans { world, history, _dir: dir, offset: 0 }
}

fn span(sid: &str, device: &str, state: &str, (from, to): (i64, i64), open: bool) -> SpanRow {
    SpanRow {
        tenant: "demo".into(),
        sid: sid.into(),
        epoch: 0,
        state: state.into(),
        from: (NOW_S + from) * 1_000_000,
        to: (NOW_S + to) * 1_000_000,
        cid: Some("demo".into()),
        edge: None,
        pipeline: None,
        bitrate_kbps: None,
        country: None,
        device: Some(device.into()),
        os: None,
        player: None,
        asn: Some(64_500),
        open: Some(open),
    }
}

impl Spans {
    fn add(&mut self, rows: &[SpanRow]) {
        self.offset += 1;
        let batch = conform(&ipc::to_batch(rows).unwrap(), Table::SessionSpans).unwrap();
        let hour = tallylight_store::history::hour_of(NOW_S * 1_000_000);
        self.history.add(Table::SessionSpans, self.offset, hour, batch);
    }

    async fn ask(&self, query: &[(&str, &str)]) -> (u16, Value) {
        let url = self.world.url("/v1/series");
        let answer = reqwest::Client::new().get(url).query(query).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The answer once the cuboid was read again, which is later the longer its last reading took.
    async fn read_again(&self, query: &[(&str, &str)], from_ms: i64) -> Value {
        for _ in 0..80 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let answer = self.get(query).await;
            if answer["from"] == from_ms {
                return answer;
            }
        }
        panic!("it was not read again within 40 s");
    }

    async fn get(&self, query: &[(&str, &str)]) -> Value {
        let (status, answer) = self.ask(query).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// The last values of a cell.
fn last(answer: &Value, cell: &Value, many: usize) -> Vec<Value> {
    let cells = answer["cells"].as_array().unwrap();
    let found = cells.iter().find(|one| one["is"] == *cell);
    let values = found.unwrap_or_else(|| panic!("no {cell} in {answer}"))["values"].as_array();
    values.unwrap().iter().rev().take(many).rev().cloned().collect()
}

const SECONDS: [(&str, &str); 3] = [("by", "device"), ("minutes", "10"), ("width_s", "10")];

#[tokio::test]
async fn settled_panes_are_kept_and_only_the_others_are_read_again() {
    let mut spans = spans().await;
    let tv = json!({"device": "tv"});
    // One keeps playing, one began in settled panes and left, one stalls, one is paused.
    spans.add(&[
        span("a", "tv", "playing", (-300, -15), true),
        span("b", "tv", "playing", (-200, -20), false),
        span("c", "web", "rebuffering", (-25, -5), false),
        span("d", "web", "paused", (-100, -5), true),
    ]);
    let first = spans.get(&SECONDS).await;
    assert_eq!(first["from"], (NOW_S - 600) * 1_000);
    assert_eq!(first["settled_up_to"], (NOW_S - 120) * 1_000);
    assert_eq!(
        last(&first, &tv, 3),
        [2.0, 1.0, 1.0],
        "a viewer that leaves at a boundary was there until then"
    );
    assert_eq!(last(&first, &json!({"device": "web"}), 3), [1.0, 1.0, 0.0]);
    assert_eq!(first["total"][0], Value::Null, "nothing was known yet, which is not zero");
    assert_eq!((&first["partial"], &first["__other__"]), (&json!([]), &Value::Null));

    // New rows are visible where panes can change, but not where they are settled.
    spans.add(&[span("e", "tv", "playing", (-400, 20), false)]);
    spans.world.append(&[], &both(NOW_S + 10)).await;
    spans.world.settled().await;
    let second = spans.read_again(&SECONDS, (NOW_S - 590) * 1_000).await;
    assert_eq!(last(&second, &tv, 4), [3.0, 2.0, 2.0, 2.0]);
    assert_eq!(
        last(&second, &tv, 14)[..2],
        [2.0, 3.0],
        "the last kept pane, and the first read again"
    );
    // A series requested for the first time is read as a whole.
    let late = [("by", "device"), ("minutes", "20"), ("width_s", "10")];
    assert_eq!(last(&spans.get(&late).await, &tv, 14)[..2], [3.0, 3.0]);
}

#[tokio::test]
async fn cells_beyond_those_requested_are_summed_and_a_condition_picks_viewers() {
    let mut spans = spans().await;
    let many = |n: i64| span(&format!("s{n}"), &format!("d{n}"), "playing", (-60, -n), n == 0);
    spans.add(&(0..30).map(many).collect::<Vec<_>>());
    let ask = [&SECONDS[..], &[("cells", "2"), ("metric", "playing_ms")]].concat();
    let answer = spans.get(&ask).await;
    assert_eq!(answer["cells"].as_array().unwrap().len(), 2);
    assert_eq!(answer["__other__"]["cells"], 28);
    let sum = |values: &Value| -> f64 {
        values.as_array().unwrap().iter().filter_map(Value::as_f64).sum()
    };
    let named: f64 =
        answer["cells"].as_array().unwrap().iter().map(|one| sum(&one["values"])).sum();
    let all = f64::from((0..30).map(|n| 60 - n).sum::<i32>()) * 1_000.0;
    assert_eq!((named + sum(&answer["__other__"]["values"]), sum(&answer["total"])), (all, all));

    let picked = [&SECONDS[..], &[("where", "sid = 's0' OR asn IS NULL -- one")]].concat();
    let answer = spans.get(&picked).await;
    assert_eq!(answer["cells"].as_array().unwrap().len(), 1);
    assert_eq!(last(&answer, &json!({"device": "d0"}), 1), [1.0]);
    let ratio = [("by", "asn,device"), ("metric", "rebuffer_ratio_pct")];
    let answer = spans.get(&ratio).await;
    assert_eq!((&answer["unit"], &answer["width_s"]), (&json!("%"), &json!(10)));
    assert_eq!(last(&answer, &json!({"asn": "64500", "device": "d0"}), 1), [0.0]);
}

#[tokio::test]
async fn errors_say_what_can_be_requested() {
    let spans = spans().await;
    for (query, status, says) in [
        (("by", "devise"), 400, "did you mean device?"),
        (("metric", "starts"), 400, "session_spans has viewers, rebuffer_ratio_pct"),
        (("minutes", "0"), 400, "1 to 1440"),
        (("width_s", "1"), 400, "1800 panes; 1 to 720"),
        (("bye", "device"), 400, "unknown field"),
        (("where", "devise = 'tv'"), 400, "did you mean device"),
        (("where", "\"to\" > now()"), 400, "there is no column to"),
        (("where", "true) OR (tenant = 'other'"), 400, ""),
        (("where", "true)) SELECT 1 --"), 400, ""),
        (("where", "sid IN (SELECT sid FROM sessions)"), 400, ""),
        (("where", "now() > '2026-11-26'"), 400, "now would be frozen"),
        (("where", "NULL::BIGINT[100000][2147483647] IS NULL"), 422, "takes no length"),
        (("where", "arrow_cast(NULL, 'FixedSizeList(9, Int8)') IS NULL"), 422, "FixedSizeList"),
    ] {
        let (got, problem) = spans.ask(&[query]).await;
        assert_eq!(got, status, "{query:?}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query:?}: {problem}");
    }
    let deep = format!("arrow_cast(1, '{}Int8{}') IS NULL", "List(".repeat(900), ")".repeat(900));
    assert_eq!(spans.ask(&[("where", &deep)]).await.0, 422);
    // None of them counts against the limit; eight series reach it.
    for minutes in 1..=8 {
        spans.get(&[("minutes", &minutes.to_string())]).await;
    }
    let (status, problem) = spans.ask(&[("minutes", "9")]).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:tallylight:problem:full")));
    spans.get(&[("minutes", "8"), ("metric", "rebuffer_ratio_pct")]).await;
}

#[tokio::test]
async fn missing_data_is_reported() {
    let spans = spans().await;
    spans.world.append(&[], &[progress(0, NOW_S + 60)]).await;
    spans.world.settled().await;
    spans.world.clock.advance_us(60_000_000);
    let answer = spans.get(&[("by", "device")]).await;
    let why = answer["partial"][0].as_str().unwrap();
    assert!(why.starts_with("1 of 2 partitions have not reported for 5 s"), "{why}");
    let silent = world_over(settings(), None).await;
    let answer = silent.get("/v1/series").await;
    assert_eq!(answer.status(), 503, "no partition has reported");
}

/// The figures of ADR 29.
#[tokio::test]
#[ignore = "measures"]
#[allow(clippy::print_stdout, reason = "the figures of a run")]
async fn what_a_reading_costs() {
    let mut spans = spans().await;
    let devices = ["tv", "web", "phone", "console", "tablet"];
    let of = |n: i64| {
        let from = -1_800 + n % 1_700;
        span(&format!("s{n}"), devices[n as usize % 5], "playing", (from, -(n % 30)), n % 2 == 0)
    };
    for part in 0..10 {
        spans.add(&(part * 20_000..(part + 1) * 20_000).map(of).collect::<Vec<_>>());
    }
    for (what, minutes) in [("first", "30"), ("first of another", "31"), ("later", "30")] {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let started = std::time::Instant::now();
        spans.get(&[("by", "device,player,os"), ("minutes", minutes)]).await;
        println!("{what} of 200,000 spans: {:?}", started.elapsed());
    }
}
