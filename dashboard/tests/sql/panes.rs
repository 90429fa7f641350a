//! Spans of time cut into panes: `span_panes` beside the definition, in the query of docs/sql.md.

use datafusion::arrow::array::RecordBatch;
use proptest::prelude::*;
use serde_json::{Value, json};
use tallylight_dashboard::sql::{Engine, Kind, TableInfo};
use tallylight_schemas::ipc;
use tallylight_schemas::session::SpanRow;
use tallylight_schemas::tables::{Table, conform};

use crate::world::{engine_over, rows, settings};

/// 2023-11-14T22:13:20Z, Unix s; a border of panes of 10 s.
const START_S: i64 = 1_700_000_000;
const WIDTH_S: i64 = 10;
const PANES: i64 = 6;
/// The end of what is asked for, s.
const END_S: i64 = START_S + PANES * WIDTH_S;

/// A stretch in tenths of a second from the start.
#[derive(Debug, Clone)]
struct Stretch {
    device: &'static str,
    state: &'static str,
    from: i64,
    to: i64,
    open: bool,
}

fn us(tenths: i64) -> i64 {
    START_S * 1_000_000 + tenths * 100_000
}

fn span((number, stretch): (usize, &Stretch)) -> SpanRow {
    SpanRow {
        tenant: "demo".into(),
        sid: format!("s{number}"),
        epoch: 0,
        state: stretch.state.into(),
        from: us(stretch.from),
        to: us(stretch.to),
        cid: None,
        edge: None,
        pipeline: None,
        bitrate_kbps: None,
        country: None,
        device: Some(stretch.device.into()),
        os: None,
        player: None,
        asn: None,
        open: Some(stretch.open),
    }
}

fn engine(stretches: &[Stretch]) -> std::sync::Arc<Engine> {
    let table = Table::SessionSpans;
    let spans: Vec<SpanRow> = stretches.iter().enumerate().map(span).collect();
    let batch = match spans.is_empty() {
        true => RecordBatch::new_empty(table.schema()),
        false => conform(&ipc::to_batch(&spans).unwrap(), table).unwrap(),
    };
    let name = table.name();
    let (about, schema) = ("For tests.", batch.schema());
    let info = TableInfo { name, about, schema, newest: false, view: None };
    engine_over(settings(), vec![info], vec![batch])
}

/// The query of docs/sql.md, with a fixed time.
fn query() -> String {
    let page = include_str!("../../../docs/sql.md");
    let queries = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let query = queries.into_iter().find(|query| query.contains("span_panes(")).unwrap();
    let time = |s: i64| format!("to_timestamp({s})::timestamptz");
    let query = query
        .replace("date_bin(INTERVAL '10 seconds', now()) - INTERVAL '30 minutes'", &time(START_S))
        .replace("date_bin(INTERVAL '10 seconds', now())", &time(END_S));
    assert!(!query.contains("now()"), "{query}");
    query
}

/// Device, pane (s), viewers, rebuffering ms, playing ms: by the definition alone.
type Told = (String, i64, i64, i64, i64);

fn naive(stretches: &[Stretch]) -> Vec<Told> {
    let mut told = Vec::new();
    for device in ["tv", "web"] {
        for pane in 0..PANES {
            let (start, end) = (pane * WIDTH_S * 10, (pane + 1) * WIDTH_S * 10);
            let ours =
                || stretches.iter().filter(|one| one.device == device && one.state != "paused");
            let to = |one: &Stretch| if one.open { END_S * 10 } else { one.to };
            let ms = |state: &str| -> i64 {
                let of = ours().filter(|one| one.state == state);
                100 * of.map(|one| (to(one).min(end) - one.from.max(start)).max(0)).sum::<i64>()
            };
            let viewers =
                ours().filter(|one| one.from < end && to(one) >= end && to(one) > one.from);
            let (viewers, stalled, playing) =
                (viewers.count() as i64, ms("rebuffering"), ms("playing"));
            if viewers + stalled + playing + ms("starting") > 0 {
                told.push((device.to_owned(), START_S + pane * WIDTH_S, viewers, stalled, playing));
            }
        }
    }
    told
}

fn told(rows: &[Value]) -> Vec<Told> {
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap_or(0);
    let row = |row: &Value| {
        let pane = row["pane_s"].as_i64().unwrap();
        let device = row["device"].as_str().unwrap().to_owned();
        (device, pane, number(row, "viewers"), number(row, "stalled"), number(row, "playing"))
    };
    let mut all: Vec<Told> = rows.iter().map(row).collect();
    all.sort();
    all
}

async fn ask(stretches: &[Stretch]) -> Vec<Told> {
    let engine = engine(stretches);
    let sql = format!(
        "SELECT device, to_unixtime(pane) AS pane_s, viewers, rebuffering_ms AS stalled, \
         playing_ms AS playing FROM ({}) ORDER BY 1, 2",
        query()
    );
    told(&rows(&engine, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// Borders as often as other moments, before and after what is asked for.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![(-2_i64..9).prop_map(|pane| pane * WIDTH_S * 10), -200_i64..800]
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let states = ["starting", "playing", "rebuffering", "paused"];
    let (device, state) =
        (prop::sample::select(vec!["tv", "web"]), prop::sample::select(states.to_vec()));
    let of = |(device, state, from, length, open): (_, _, i64, i64, bool)| Stretch {
        device,
        state,
        from,
        to: from + length,
        open,
    };
    let length = prop_oneof![Just(0_i64), Just(100), 0_i64..400];
    (device, state, moment(), length, prop::bool::weighted(0.3)).prop_map(of)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]
    #[test]
    fn a_series_out_of_spans_is_that_of_the_definition(
        stretches in prop::collection::vec(stretch(), 0..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert_eq!(runtime.block_on(ask(&stretches)), naive(&stretches));
    }
}

#[tokio::test]
async fn a_width_that_is_none_and_too_many_panes_are_refused() {
    let one = Stretch { device: "tv", state: "playing", from: 0, to: 5, open: false };
    let far = Stretch { to: 700_000, ..one.clone() };
    for (stretches, width, kind, says) in [
        (vec![one.clone()], "INTERVAL '0 seconds'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "INTERVAL '-1 seconds'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "INTERVAL '1 month'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "10", Kind::Invalid, "takes two times and a width"),
        (vec![far], "INTERVAL '1 second'", Kind::Limit, "70001 panes of one group; 6000 are"),
    ] {
        let sql = format!("SELECT span_panes(\"from\", \"to\", {width}) FROM session_spans");
        let error = rows(&engine(&stretches), &sql).await.unwrap_err();
        assert_eq!(error.kind, kind, "{sql}: {error}");
        assert!(error.detail.contains(says), "{sql}: {error}");
    }
    let many: Vec<Stretch> = (0..2_000).map(|_| Stretch { to: 50_000, ..one.clone() }).collect();
    let sql = "SELECT count(*) FROM (SELECT sid, span_panes(\"from\", \"to\", INTERVAL '1 second') \
               AS p FROM session_spans GROUP BY sid) WHERE cardinality(p) > 0";
    let error = rows(&engine(&many), sql).await.unwrap_err();
    assert!(error.kind == Kind::Limit && error.detail.contains("of all groups"), "{error}");
    // Nothing is an empty list.
    let sql = "SELECT span_panes(\"from\", \"to\", INTERVAL '1 second') AS p FROM session_spans";
    assert_eq!(rows(&engine(&[]), sql).await.unwrap(), [json!({"p": []})]);
}
