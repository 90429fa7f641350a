//! Published formulas, against values computed by hand.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::concat_batches;
use serde_json::{Map, Value, json};
use tallylight_dashboard::sql::Engine;
use tallylight_schemas::formulas::{ALL, COUNTED};
use tallylight_schemas::ipc;
use tallylight_schemas::session::{Outcome, SessionRow};
use tallylight_schemas::tables::{Table, conform};

use crate::world::{engine_with_views, rows};

/// 2023-11-14T22:13:20Z, Unix µs.
const START: i64 = 1_700_000_000_000_000;

/// A session; `times` are those in states starting, playing, rebuffering and seeking, ms.
fn session(outcome: &str, startup_ms: Option<i64>, times: [i64; 4]) -> SessionRow {
    let played = matches!(outcome, "played" | "failed" | "playing");
    let row = json!({
        "tenant": "demo", "sid": "s", "epoch": 0, "cid": "demo", "outcome": outcome,
        "started_at": START, "first_frame_at": played.then_some(START), "ended_at": START,
        "startup_ms": startup_ms, "waited_ms": if played { startup_ms } else { Some(times[0]) },
        "starting_ms": times[0], "playing_ms": times[1], "rebuffering_ms": times[2],
        "seeking_ms": times[3], "rebuffer_count": 0, "rebuffers": [], "switches": 0,
        "events": 1, "lost_events": 0, "late_events": 0, "last_seen": START,
    });
    serde_json::from_value(row).unwrap()
}

fn sessions() -> Vec<SessionRow> {
    let smooth = SessionRow {
        bitrate_ms: 60_000,
        bitrate_kbps_ms: 600 * 60_000,
        ..session("played", Some(1_000), [1_000, 60_000, 0, 0])
    };
    let stalled = SessionRow {
        rebuffer_count: 2,
        seek_count: 1,
        background_ms: 10_000,
        background_rebuffering_ms: 1_000,
        bitrate_ms: 80_000,
        bitrate_kbps_ms: 1_000 * 80_000,
        ..session("played", Some(3_000), [3_000, 80_000, 4_000, 2_000])
    };
    // First seen while playing: its startup is unknown.
    let failed = SessionRow { rebuffer_count: 1, ..session("failed", None, [0, 10_000, 1_000, 0]) };
    let preload =
        SessionRow { started_at: None, ..session("exit_before_start", None, [0, 0, 0, 0]) };
    let others =
        SessionRow { tenant: "other".into(), ..session("failed", None, [0, 9_000, 9_000, 0]) };
    vec![
        smooth,
        stalled,
        session("exit_before_start", None, [500, 0, 0, 0]),
        session("exit_before_start", None, [6_000, 0, 0, 0]),
        session("start_failed", None, [2_000, 0, 0, 0]),
        failed,
        session("playing", Some(700), [700, 5_000, 5_000, 0]),
        preload,
        others,
    ]
}

/// The row as history wrote it before column `starting_ms` existed.
fn old(row: &SessionRow) -> RecordBatch {
    let batch = conform(&ipc::to_batch(std::slice::from_ref(row)).unwrap(), Table::Sessions);
    let batch = batch.unwrap();
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of("starting_ms").unwrap();
    columns[at] = new_null_array(columns[at].data_type(), 1);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

fn engine() -> Arc<Engine> {
    let rows = sessions();
    let known = conform(&ipc::to_batch(&rows).unwrap(), Table::Sessions).unwrap();
    let all = concat_batches(&known.schema(), [&known, &old(&rows[1])]).unwrap();
    let mut columns = all.columns().to_vec();
    let at = all.schema().index_of("final").unwrap();
    columns[at] = Arc::new(BooleanArray::from(vec![true; all.num_rows()]));
    let all = RecordBatch::try_new(all.schema(), columns).unwrap();
    engine_with_views("sessions", all)
}

fn check(view: &str, row: &Map<String, Value>, wanted: &[(&str, f64)]) {
    assert_eq!(row["started_hour"], "2023-11-14T22:00:00.000000Z");
    assert_eq!((&row["tenant"], &row["cid"]), (&json!("demo"), &json!("demo")));
    assert_eq!(row.len(), wanted.len() + 3, "{view}: every figure is checked");
    for (name, wanted) in wanted {
        let value = row[*name].as_f64().unwrap_or_else(|| panic!("{view}.{name}: {}", row[*name]));
        assert!((value - wanted).abs() < 1e-4, "{view}.{name} is {value}, not {wanted}");
    }
}

const CTA2066: &[(&str, f64)] = &[
    ("sessions", 6.0),
    ("failed", 2.0),
    ("started", 2.0),
    ("startup_ms", 4_000.0),
    ("stalls", 3.0),
    ("stalled_ms", 5_000.0),
    // 61,000 + 89,000 + 500 + 6,000 + 2,000 + 11,000
    ("watched_ms", 169_500.0),
    ("bits_played", 116_000_000.0),
    ("media_ms", 140_000.0),
    ("playback_failure_pct", 33.333_333),
    ("avg_startup_s", 2.0),
    ("startup_p95_ms", 2_900.0),
    ("avg_stall_count", 0.5),
    ("stalled_time_pct", 2.949_853),
    ("avg_bitrate_kbps", 828.571_429),
];

const MUX: &[(&str, f64)] = &[
    ("views", 6.0),
    ("failures", 2.0),
    ("start_failures", 1.0),
    ("exits_before_start", 1.0),
    ("started", 2.0),
    ("watch_ms", 168_500.0),
    ("rebuffer_ms", 4_000.0),
    ("rebuffers", 3.0),
    ("bitrate_kbps_ms", 116_000_000.0),
    ("bitrate_ms", 140_000.0),
    ("scored", 5.0),
    // 100 + 100 + 50 + 0 + 0
    ("success_points", 250.0),
    // 800 / 9 + 800 / 11
    ("startup_points", 161.616_162),
    ("plays", 3.0),
    // 100; 35.355339 + 50 e^(−30,000 / 88,000); 44.721360 + 50 e^(−10,000 / 11,000)
    ("smoothness_points", 235.777_392),
    ("exits_before_start_pct", 16.666_667),
    ("playback_failure_pct", 33.333_333),
    ("startup_failure_pct", 16.666_667),
    ("rebuffer_pct", 2.373_887),
    ("rebuffers_per_view", 0.5),
    ("rebuffers_per_min", 1.068_249),
    ("rebuffer_s_per_view", 0.666_667),
    ("startup_p50_ms", 2_000.0),
    ("avg_bitrate_kbps", 828.571_429),
    ("playback_success_score", 50.0),
    ("startup_time_score", 80.808_081),
    ("smoothness_score", 78.592_464),
];

const CONVIVA: &[(&str, f64)] = &[
    ("attempts", 6.0),
    ("ended_plays", 3.0),
    ("exits_before_start", 2.0),
    ("start_failures", 1.0),
    ("failures", 1.0),
    ("started", 2.0),
    ("startup_ms", 4_000.0),
    ("interrupted", 2.0),
    ("buffering_ms", 5_000.0),
    ("buffering_and_playing_ms", 155_000.0),
    ("bitrate_kbps_ms", 116_000_000.0),
    ("bitrate_ms", 140_000.0),
    ("plays_pct", 50.0),
    ("ebvs_pct", 33.333_333),
    ("vsf_pct", 16.666_667),
    ("vpf_pct", 33.333_333),
    ("avg_vst_s", 2.0),
    ("vst_p50_ms", 2_000.0),
    ("cirr_pct", 3.225_806),
    ("interrupted_plays_pct", 66.666_667),
    ("avg_bitrate_kbps", 828.571_429),
];

const MEDIA3: &[(&str, f64)] = &[
    ("foreground_playbacks", 6.0),
    ("abandoned_before_ready", 3.0),
    ("fatal_errors", 2.0),
    ("valid_joins", 2.0),
    ("valid_join_ms", 4_000.0),
    ("join_ms", 12_500.0),
    ("play_ms", 150_000.0),
    ("rebuffer_ms", 5_000.0),
    ("rebuffers", 3.0),
    ("seek_ms", 2_000.0),
    ("seeks", 1.0),
    ("wait_ms", 19_500.0),
    ("play_and_wait_ms", 169_500.0),
    ("bitrate_kbps_ms", 116_000_000.0),
    ("bitrate_ms", 140_000.0),
    ("abandoned_before_ready_pct", 50.0),
    ("fatal_error_pct", 33.333_333),
    ("mean_join_ms", 2_000.0),
    ("join_time_pct", 7.374_631),
    ("rebuffer_time_pct", 2.949_853),
    ("seek_time_pct", 1.179_941),
    ("wait_time_pct", 11.504_425),
    ("rebuffers_per_min", 1.2),
    ("mean_rebuffer_ms", 1_666.666_667),
    ("mean_seek_ms", 2_000.0),
    ("mean_bitrate_kbps", 828.571_429),
];

#[tokio::test]
async fn each_set_matches_values_computed_by_hand() {
    assert_eq!(session("played", None, [0; 4]).outcome, Outcome::Played);
    let engine = engine();
    for (view, wanted) in [
        ("qoe_cta2066", CTA2066),
        ("qoe_mux", MUX),
        ("qoe_conviva", CONVIVA),
        ("qoe_media3", MEDIA3),
    ] {
        let all = rows(&engine, &format!("SELECT * FROM {view}")).await.unwrap();
        assert_eq!(all.len(), 1, "{view}: {all:?}");
        check(view, all[0].as_object().unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_view_is_a_table_like_any_other() {
    let engine = engine();
    let sql = "SELECT m.cid, 100.0 * SUM(m.failures) / SUM(m.views) AS pct, COUNT(s.sid) AS n \
               FROM qoe_mux m JOIN sessions s USING (cid) GROUP BY m.cid";
    let answer = rows(&engine, sql).await.unwrap();
    assert_eq!((&answer[0]["cid"], &answer[0]["n"]), (&json!("demo"), &json!(9)));
    let wrong = rows(&engine, "SELECT vpf FROM qoe_conviva").await.unwrap_err();
    assert!(wrong.detail.contains("vpf_pct"), "{wrong}");
    for set in ALL {
        // By any other breakdown, and in the types that the list of tables names.
        for figure in set.figures {
            let sql = format!(
                "SELECT outcome, {} AS n FROM sessions WHERE {COUNTED} GROUP BY outcome",
                set.sql(figure)
            );
            assert_eq!(rows(&engine, &sql).await.unwrap().len(), 4, "{}", figure.name);
        }
        let described = rows(&engine, &format!("DESCRIBE {}", set.view)).await.unwrap();
        let listed = engine.tables().iter().find(|info| info.name == set.view).unwrap();
        assert_eq!(described.len(), listed.schema.fields().len());
        for (row, field) in described.iter().zip(listed.schema.fields()) {
            assert_eq!(row["column_name"], json!(field.name()));
            assert_eq!(row["data_type"], json!(field.data_type().to_string()), "{}", field.name());
        }
    }
}
