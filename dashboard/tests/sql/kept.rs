//! A history table in SQL: rows in memory and in files, of one tenant only.

use std::sync::Arc;

use serde_json::json;
use tallylight_dashboard::sql::{Engine, Platform};
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::ipc;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, Parts};

use crate::world::{rows, settings};

fn letter(tenant: &str, reason: &str) -> DeadLetter {
    let record = Some(format!("of {tenant}"));
    let (tenant, reason) = (tenant.into(), reason.into());
    DeadLetter {
        tenant,
        received_at: 1,
        source: "cmcd".into(),
        reason,
        record,
        ..Default::default()
    }
}

#[tokio::test]
async fn dead_letters_are_visible_to_their_tenant_in_memory_and_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts {
        dir: dir.path().to_owned(),
        log_id: "log".into(),
        shard: Shard::WHOLE,
        clock: Arc::new(ManualClock::at_us(1)),
        faults: None,
    };
    let history = History::open(Default::default(), parts).await.unwrap();
    let engine = |tenant: &str| {
        let platform = Platform::new(tenant, &[], Some(history.clone()), None).unwrap();
        Engine::new(settings(), tenant, Arc::new(platform), None).unwrap()
    };
    let add = |offset, reason| {
        let batch = ipc::to_batch(&[letter("demo", reason), letter("other", reason)]).unwrap();
        history.add(Table::DeadLetters, offset, 0, batch);
    };
    add(3, "no_sid");
    history.commit(4).await.unwrap();
    add(5, "bad_ts");
    let sql = "SELECT reason, record, \"offset\", log_id FROM dead_letters ORDER BY 3";
    for tenant in ["demo", "other", "third"] {
        let got = rows(&engine(tenant), sql).await.unwrap();
        let row = |reason: &str, offset: i64| {
            json!({"reason": reason, "record": format!("of {tenant}"), "offset": offset,
                "log_id": "log"})
        };
        let want =
            if tenant == "third" { vec![] } else { vec![row("no_sid", 3), row("bad_ts", 5)] };
        assert_eq!(got, want, "{tenant}");
    }
}
