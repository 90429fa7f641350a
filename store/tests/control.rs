//! Control records in the live store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};
use tallylight_schemas::rows::TopicRows;
use tallylight_store::live::{Changes, LiveStore, Retention};

fn action(id: usize, at: i64, updated_at: i64) -> ActionRow {
    ActionRow {
        tenant: "demo".into(),
        id: format!("a-{id}"),
        incident: None,
        at,
        taken_at: None,
        kind: ActionKind::ShiftEdge,
        target: "e1".into(),
        to: Some("e2".into()),
        share: 0.5,
        viewers: 7,
        load_after: None,
        title: "Move".into(),
        evidence: "[]".into(),
        forecast: String::new(),
        undo: None,
        undo_of: None,
        state: ActionState::Taken,
        acts_at: None,
        outcome: None,
        by: format!("written at {updated_at}"),
        updated_at,
    }
}

#[test]
fn the_newest_version_of_a_control_record_is_kept_and_the_latest_of_many() {
    let mut store = LiveStore::new(Retention::default());
    let mut apply = |actions: Vec<ActionRow>| {
        let mut changes = Changes::default();
        store.apply(TopicRows { actions, ..TopicRows::default() }, &mut changes);
        let changed: Vec<String> = store.read(&changes).actions.into_iter().map(|a| a.by).collect();
        (changed, store.since(i64::MAX).actions.len())
    };
    assert_eq!(apply(vec![action(1, 5, 2)]), (vec!["written at 2".into()], 1));
    assert_eq!(apply(vec![action(1, 5, 1), action(1, 5, 2)]), (vec![], 1), "nothing new");
    assert_eq!(apply(vec![action(1, 5, 3)]), (vec!["written at 3".into()], 1));
    let (_, held) = apply((2..700).map(|id| action(id, 10 + id as i64, 4)).collect());
    assert_eq!(held, 500);
    // An action in force is written again and stays, however old it is.
    apply(vec![action(300, 310, 6)]);
    let (_, held) = apply((700..1_300).map(|id| action(id, 10 + id as i64, 5)).collect());
    assert_eq!(held, 500);
    let actions = store.since(0).actions;
    assert_eq!(actions.last().unwrap().id, "a-1299", "the earliest made room");
    assert!(actions.iter().any(|action| action.id == "a-300"));
}
