//! The shape of everything stored, as text: a change here is a change for every reader.

use arrow::datatypes::{DataType, Field};
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::infra::InfraMetric;
use tallylight_schemas::ipc::{self, Stored, TenantDelivery};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::rows::{DeliveryRow, FatesRow, PlaybackRow, ProgressRow};
use tallylight_schemas::{fates::FateCount, metrics, session::SessionRow};

use crate::{golden, samples};

fn render(field: &Field, depth: usize, out: &mut String) {
    let (kind, children): (String, Vec<&Field>) = match field.data_type() {
        DataType::Struct(fields) => ("struct".into(), fields.iter().map(AsRef::as_ref).collect()),
        DataType::List(item) => ("list".into(), vec![item]),
        DataType::LargeList(item) => ("large list".into(), vec![item]),
        other => (other.to_string(), vec![]),
    };
    let null = if field.is_nullable() { "?" } else { "" };
    out.push_str(&format!("{}{}: {kind}{null}\n", "  ".repeat(depth), field.name()));
    children.into_iter().for_each(|child| render(child, depth + 1, out));
}

fn check<T: Stored>(name: &str) {
    let mut out = String::new();
    ipc::fields::<T>().unwrap().iter().for_each(|field| render(field, 0, &mut out));
    golden::check(&format!("schemas/{name}.txt"), &out);
}

#[test]
fn stored_structs() {
    check::<TenantDelivery>("delivery");
    check::<FateCount>("door_fates");
    check::<PlaybackRow>("playback");
    check::<DeliveryRow>("delivery_rows");
    check::<FatesRow>("fates_rows");
    check::<ProgressRow>("progress");
    check::<SessionRow>("session");
    check::<ActionRow>("actions");
    check::<IncidentRow>("incidents");
    check::<InfraMetric>("infra_metrics");
    check::<DeadLetter>("dead_letters");
}

#[test]
fn player_events() {
    let batch = samples::player_batch();
    PlayerRows::new(&batch).unwrap();
    let mut out = String::new();
    batch.schema().fields().iter().for_each(|field| render(field, 0, &mut out));
    golden::check("schemas/player.txt", &out);
}

#[test]
fn metric_definitions() {
    let json = serde_json::to_string_pretty(metrics::ALL).unwrap();
    golden::check("schemas/metrics.json", &(json + "\n"));
}
