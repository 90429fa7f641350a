//! Spans of time cut into panes: `span_panes` against the definition, in the query of docs/sql.md.

use datafusion::arrow::array::RecordBatch;
use proptest::prelude::*;
use serde_json::{Value, json};
use tallylight_dashboard::sql::{Engine, Kind, TableInfo};
use tallylight_schemas::ipc;
use tallylight_schemas::session::SpanRow;
use tallylight_schemas::tables::{Table, conform};

use crate::world::{engine_over, rows, settings};

/// 2023-11-14T22:13:20Z, Unix s; a boundary of panes of 10 s.
const START_S: i64 = 1_700_000_000;
const WIDTH_S: i64 = 10;
const PANES: i64 = 6;
/// The end of the requested time, s.
const END_S: i64 = START_S + PANES * WIDTH_S;

/// A span in tenths of a second from the start.
#[derive(Debug, Clone)]
struct Span {
    device: &'static str,
    state: &'static str,
    from: i64,
    to: i64,
    open: bool,
}

fn us(tenths: i64) -> i64 {
    START_S * 1_000_000 + tenths * 100_000
}

fn span_row((number, span): (usize, &Span)) -> SpanRow {
    SpanRow {
        tenant: "demo".into(),
        sid: format!("s{number}"),
        epoch: 0,
        state: span.state.into(),
        from: us(span.from),
        to: us(span.to),
        cid: None,
        edge: None,
        pipeline: None,
        bitrate_kbps: None,
        country: None,
        device: Some(span.device.into()),
        os: None,
        player: None,
        asn: None,
        open: Some(span.open),
    }
}

fn engine(spans: &[Span]) -> std::sync::Arc<Engine> {
    let table = Table::SessionSpans;
    let rows: Vec<SpanRow> = spans.iter().enumerate().map(span_row).collect();
    let batch = match rows.is_empty() {
        true => RecordBatch::new_empty(table.schema()),
        false => conform(&ipc::to_batch(&rows).unwrap(), table).unwrap(),
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

/// Device, pane (s), viewers, rebuffering ms, playing ms.
type PaneRow = (String, i64, i64, i64, i64);

/// The panes of spans, computed directly from the definition.
fn naive(spans: &[Span]) -> Vec<PaneRow> {
    let mut all = Vec::new();
    for device in ["tv", "web"] {
        for pane in 0..PANES {
            let (start, end) = (pane * WIDTH_S * 10, (pane + 1) * WIDTH_S * 10);
            let ours = || spans.iter().filter(|one| one.device == device && one.state != "paused");
            let to = |one: &Span| if one.open { END_S * 10 } else { one.to };
            let ms = |state: &str| -> i64 {
                let of = ours().filter(|one| one.state == state);
                100 * of.map(|one| (to(one).min(end) - one.from.max(start)).max(0)).sum::<i64>()
            };
            let viewers =
                ours().filter(|one| one.from < end && to(one) >= end && to(one) > one.from);
            let (viewers, stalled, playing) =
                (viewers.count() as i64, ms("rebuffering"), ms("playing"));
            if viewers + stalled + playing + ms("starting") > 0 {
                all.push((device.to_owned(), START_S + pane * WIDTH_S, viewers, stalled, playing));
            }
        }
    }
    all
}

fn answered(rows: &[Value]) -> Vec<PaneRow> {
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap_or(0);
    let row = |row: &Value| {
        let pane = row["pane_s"].as_i64().unwrap();
        let device = row["device"].as_str().unwrap().to_owned();
        (device, pane, number(row, "viewers"), number(row, "stalled"), number(row, "playing"))
    };
    let mut all: Vec<PaneRow> = rows.iter().map(row).collect();
    all.sort();
    all
}

async fn ask(spans: &[Span]) -> Vec<PaneRow> {
    let engine = engine(spans);
    let sql = format!(
        "SELECT device, to_unixtime(pane) AS pane_s, viewers, rebuffering_ms AS stalled, \
         playing_ms AS playing FROM ({}) ORDER BY 1, 2",
        query()
    );
    answered(&rows(&engine, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// Times at boundaries as often as others, also before and after the requested time.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![(-2_i64..9).prop_map(|pane| pane * WIDTH_S * 10), -200_i64..800]
}

fn span() -> impl Strategy<Value = Span> {
    let states = ["starting", "playing", "rebuffering", "paused"];
    let (device, state) =
        (prop::sample::select(vec!["tv", "web"]), prop::sample::select(states.to_vec()));
    let of = |(device, state, from, length, open): (_, _, i64, i64, bool)| Span {
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
    fn a_series_from_spans_matches_the_definition(
        spans in prop::collection::vec(span(), 0..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert_eq!(runtime.block_on(ask(&spans)), naive(&spans));
    }
}

#[tokio::test]
async fn invalid_widths_and_too_many_panes_are_refused() {
    let one = Span { device: "tv", state: "playing", from: 0, to: 5, open: false };
    let far = Span { to: 700_000, ..one.clone() };
    for (spans, width, kind, says) in [
        (vec![one.clone()], "INTERVAL '0 seconds'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "INTERVAL '-1 seconds'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "INTERVAL '1 month'", Kind::Invalid, "a fixed length over 0"),
        (vec![one.clone()], "10", Kind::Invalid, "takes two times and a width"),
        (vec![far], "INTERVAL '1 second'", Kind::Limit, "70001 panes of one group; 6000 are"),
    ] {
        let sql = format!("SELECT span_panes(\"from\", \"to\", {width}) FROM session_spans");
        let error = rows(&engine(&spans), &sql).await.unwrap_err();
        assert_eq!(error.kind, kind, "{sql}: {error}");
        assert!(error.detail.contains(says), "{sql}: {error}");
    }
    let many: Vec<Span> = (0..2_000).map(|_| Span { to: 50_000, ..one.clone() }).collect();
    let sql = "SELECT count(*) FROM (SELECT sid, span_panes(\"from\", \"to\", INTERVAL '1 second') \
               AS p FROM session_spans GROUP BY sid) WHERE cardinality(p) > 0";
    let error = rows(&engine(&many), sql).await.unwrap_err();
    assert!(error.kind == Kind::Limit && error.detail.contains("of all groups"), "{error}");
    // No spans give an empty list.
    let sql = "SELECT span_panes(\"from\", \"to\", INTERVAL '1 second') AS p FROM session_spans";
    assert_eq!(rows(&engine(&[]), sql).await.unwrap(), [json!({"p": []})]);
}
