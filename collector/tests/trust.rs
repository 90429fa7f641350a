//! What only authenticated services may report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use serde_json::json;
use tallylight_collector::Settings;
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::ipc::decode_all;
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts};

fn delivery() -> serde_json::Value {
    json!({"type": "delivery", "source": "edge-e1", "boot": 7, "seq": 1, "ts": NOW,
        "service": "edge", "action": "get", "stream": "demo", "status": 200, "bytes": 10})
}

fn action(id: &str) -> serde_json::Value {
    json!({"type": "action", "id": id, "at": NOW, "kind": "shift_edge", "target": "e1", "to": "e2",
        "share": 0.5, "viewers": 7, "title": "Move 7 of 14 viewers from e1 to e2",
        "evidence": "[{\"what\":\"first byte\",\"value\":\"1.6 s\"}]", "forecast": "recovered",
        "state": "taken", "by": "steering", "updated_at": NOW, "tenant": "somebody else"})
}

#[tokio::test]
async fn only_authenticated_services_may_report_delivery_and_control_records() {
    let key = "a-key-that-nobody-guesses";
    let settings = Settings { service_key: Some(key.into()), ..Settings::default() };
    let world = World::with(settings).await;
    let player = json!({"type": "player", "e": "ps", "sid": "a", "ts": NOW / 1_000, "sta": "p"});
    let incident = json!({"type": "incident", "id": "edge-e1-1", "opened_at": NOW,
        "cause": "Edge e1 answers slowly", "culprit": "edge", "name": "e1", "viewers": 7,
        "cohort": "viewers of edge e1", "severity": "broken", "evidence": "[]", "state": "open",
        "updated_at": NOW});
    let body = json!([delivery(), action("a-1"), incident, player]).to_string();
    let url = format!("{}/v1/events?k=demo", world.url);
    let send = async |key: Option<&str>, body: String| {
        let request = reqwest::Client::new().post(&url).body(body);
        let request = request.header("content-type", "application/json");
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let fates =
            answer.headers().get("tallylight-fates").map(|v| v.to_str().unwrap().to_owned());
        (answer.status().as_u16(), fates.unwrap_or_default())
    };
    let refused = (204, "rejected;untrusted=3, accepted=1".to_owned());
    assert_eq!(send(None, body.clone()).await, refused);
    assert_eq!(send(Some("another key altogether"), body.clone()).await.0, 401);
    assert_eq!(send(Some(key), body).await, (204, "accepted=4".to_owned()));
    let mut wrong = action("a-2");
    wrong["evidence"] = "no list".into();
    let body = json!([wrong, action(""), action(&"a".repeat(200))]).to_string();
    let rejected = (204, "rejected;bad_shape=2, rejected;too_long=1".to_owned());
    assert_eq!(send(Some(key), body).await, rejected);

    let entries = world.log.entries().await;
    let stored = parts(&entries, Kind::Actions);
    let actions: Vec<ActionRow> = decode_all(&stored[0].payload).unwrap();
    assert_eq!((stored.len(), actions.len()), (1, 1));
    assert_eq!((actions[0].tenant.as_str(), actions[0].share), ("demo", 0.5));
    let incidents: Vec<IncidentRow> =
        decode_all(&parts(&entries, Kind::Incidents)[0].payload).unwrap();
    assert_eq!(incidents[0].cause, "Edge e1 answers slowly");
}
