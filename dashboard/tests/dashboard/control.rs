//! Control records in the feed.

use serde_json::json;
use tallylight_eventlog::Part;
use tallylight_schemas::control::{Culprit, IncidentRow, IncidentState, Severity};
use tallylight_schemas::ipc;
use tallylight_schemas::record::{Kind, ROWS};

use crate::support::{NOW_S, World, both, settings, world};

fn incident(tenant: &str, state: IncidentState, updated_s: i64) -> IncidentRow {
    IncidentRow {
        tenant: tenant.into(),
        id: "edge-e1-1".into(),
        opened_at: (NOW_S - 9_000) * 1_000_000,
        symptom_at: None,
        well_since: None,
        closes_at: None,
        closed_at: None,
        cause: "Edge e1 answers slowly".into(),
        culprit: Culprit::Edge,
        name: Some("e1".into()),
        cohort: "viewers of edge e1".into(),
        viewers: 61,
        severity: Severity::Broken,
        evidence: r#"[{"what":"first byte","value":"1.62 s","was":"40 ms"}]"#.into(),
        no_action: None,
        no_action_until: None,
        owner: None,
        state,
        notes: None,
        updated_at: updated_s * 1_000_000,
    }
}

async fn append(world: &World, row: IncidentRow) {
    let payload = ipc::encode_all(&[row]).unwrap().into();
    let part = Part { kind: Kind::Incidents.code(), ranges: Vec::new(), payload };
    world.log.append(ROWS, vec![part]).await.unwrap();
}

#[tokio::test]
async fn the_newest_record_is_in_the_snapshot_however_old_and_then_in_a_delta() {
    let world = world(settings()).await;
    world.append(&[], &both(NOW_S)).await;
    append(&world, incident("demo", IncidentState::Open, NOW_S - 8_000)).await;
    append(&world, incident("another", IncidentState::Closed, NOW_S)).await;
    world.settled().await;
    let mut feed = world.feed("?since_s=1").await;
    let snapshot = feed.next_of("rows").await;
    let shown = &snapshot["incidents"][0];
    assert_eq!(
        (&shown["state"], &shown["cause"]),
        (&json!("open"), &json!("Edge e1 answers slowly"))
    );
    assert_eq!(shown["opened_at"], (NOW_S - 9_000) * 1_000);
    assert_eq!(shown["evidence"][0]["was"], "40 ms");
    append(&world, incident("demo", IncidentState::Acknowledged, NOW_S - 9_000)).await;
    append(&world, incident("demo", IncidentState::Closed, NOW_S)).await;
    let delta = feed.next_of("rows").await;
    let states: Vec<_> =
        delta["incidents"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, [&json!("closed")], "an older record is not published");
    assert_eq!(delta["playback"], json!([]));
}
