//! How the schedule view evaluates the origin's reports.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use serde_json::{Value, json};
use tallylight_schemas::ipc::{self, TenantDelivery};
use tallylight_schemas::tables::{Table, conform};

use crate::world::{engine_with_views, rows};

/// 2023-11-14T22:13:20Z, Unix µs.
const AT: i64 = 1_700_000_000_000_000;

/// A report of the origin about segment `k`: the action, whose copy, the status, how late.
fn report(k: u64, (action, pipeline): (&str, &str), status: u16, late_us: i64) -> Value {
    json!({
        "source": "origin", "boot": 1, "seq": k, "ts": AT + late_us, "service": "origin",
        "action": action, "stream": "demo", "track": "v-360", "k": k, "status": status,
        "bytes": 1, "pipeline": pipeline, "late_us": late_us,
    })
}

fn frozen(mut report: Value) -> Value {
    report["defect"] = json!("frozen");
    report
}

fn events() -> Vec<Value> {
    vec![
        // Both in time; the second copy is a spare.
        report(1, ("put", "A"), 201, -900_000),
        report(1, ("put", "B"), 202, -800_000),
        report(1, ("choice", "A"), 200, -900_000),
        // A is frozen, B late.
        frozen(report(2, ("put", "A"), 202, -900_000)),
        report(2, ("put", "B"), 201, 400_000),
        report(2, ("choice", "B"), 200, 400_500),
        // A is invalid, and B came after the slate.
        report(3, ("put", "A"), 422, -900_000),
        report(3, ("put", "B"), 409, 1_500_000),
        report(3, ("choice", "slate"), 200, 1_000_000),
        // The choice is not known yet.
        report(4, ("put", "A"), 201, -900_000),
        // Not segments of the origin: an init segment, and an edge's report.
        json!({"source": "origin", "boot": 1, "seq": 9, "ts": AT, "service": "origin",
            "action": "put", "stream": "demo", "track": "v-360", "status": 201, "bytes": 1}),
        json!({"source": "edge-e1", "boot": 1, "seq": 9, "ts": AT, "service": "edge",
            "action": "get", "stream": "demo", "track": "v-360", "k": 1, "status": 200, "bytes": 1}),
    ]
}

#[tokio::test]
async fn a_segment_is_on_time_late_or_missing_and_names_the_copy_it_came_from() {
    let of = |event| TenantDelivery {
        tenant: "demo".into(),
        received_at: AT,
        event: serde_json::from_value(event).unwrap(),
    };
    let events: Vec<TenantDelivery> = events().into_iter().map(of).collect();
    let batch = conform(&ipc::to_batch(&events).unwrap(), Table::DeliveryEvents).unwrap();
    let mut columns = batch.columns().to_vec();
    let fate = batch.schema().index_of("fate").unwrap();
    columns[fate] = Arc::new(StringArray::from(vec!["accepted"; events.len()]));
    let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let engine = engine_with_views("delivery_events", batch);
    let sql = "SELECT k, state, served_from, late_ms, copies, late_copies, defective \
               FROM segments ORDER BY k";
    let got = rows(&engine, sql).await.unwrap();
    let row = |k: u64, (state, served_from): (Value, Value), late_ms: Value, counts: [i64; 3]| {
        json!({"k": k, "state": state, "served_from": served_from, "late_ms": late_ms,
            "copies": counts[0], "late_copies": counts[1], "defective": counts[2]})
    };
    assert_eq!(
        got,
        [
            row(1, (json!("on_time"), json!("A")), json!(-900), [2, 0, 0]),
            row(2, (json!("late"), json!("B")), json!(400), [1, 1, 1]),
            row(3, (json!("missing"), json!("slate")), json!(1_000), [0, 1, 1]),
            row(4, (Value::Null, Value::Null), Value::Null, [1, 0, 0]),
        ]
    );
}
