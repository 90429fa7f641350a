//! Control records pass through at once and unchanged, and are counted.

use bytes::Bytes;
use tallylight_eventlog::{Entry, EventLog, Part};
use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::ipc;
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{ProgressRow, TopicRows};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::emit::{covered, entries};
use tallylight_stream_processor::read::Partitions;

use crate::log::Pipeline;
use crate::world::T0;

fn action() -> ActionRow {
    ActionRow {
        tenant: "demo".into(),
        id: "shift-e1-1".into(),
        incident: None,
        at: T0 * 1_000,
        taken_at: Some(T0 * 1_000),
        kind: ActionKind::ShiftEdge,
        target: "e1".into(),
        to: Some("e2".into()),
        share: 0.5,
        viewers: 7,
        load_after: Some(0.4),
        title: "Move 7 of 14 viewers from e1 to e2".into(),
        evidence: "[]".into(),
        forecast: "Recovered".into(),
        undo: None,
        undo_of: None,
        state: ActionState::Taken,
        acts_at: None,
        outcome: None,
        by: "steering".into(),
        updated_at: T0 * 1_000,
    }
}

fn entry(offset: u64, ms: i64, parts: Vec<(Kind, Vec<u8>)>) -> Entry {
    let part = |(kind, payload): (Kind, Vec<u8>)| Part {
        kind: kind.code(),
        ranges: Vec::new(),
        payload: Bytes::from(payload),
    };
    let parts = parts.into_iter().map(part).collect();
    Entry { offset, appended_at_us: (T0 + ms) * 1_000, parts }
}

#[test]
fn an_action_is_passed_on_with_its_entry_and_counted_once() {
    let mut partitions = Partitions::new(4, &Limits::default());
    partitions.entry(&entry(0, 0, Vec::new()));
    let accepted = FateCount {
        tenant: "demo".into(),
        source: "events".into(),
        fate: Fate::Accepted,
        reason: Reason::None,
        events: 1,
    };
    let parts = vec![
        (Kind::Actions, ipc::encode_all(&[action()]).unwrap()),
        (Kind::DoorFates, ipc::encode_all(&[accepted]).unwrap()),
    ];
    let rows = partitions.entry(&entry(1, 10, parts)).rows.topic;
    assert_eq!(rows.actions, [action()]);
    assert!(!rows.is_empty(), "although no pane is due");
    let written = entries(&rows).unwrap();
    let kinds: Vec<u16> = written.iter().flatten().map(|part| part.kind).collect();
    assert!(kinds.contains(&Kind::Actions.code()), "{kinds:?}");

    let (mut ends, mut admitted) = (0, 0);
    for second in 1..5 {
        let outcome = partitions.entry(&entry(1 + second, second as i64 * 1_000, Vec::new()));
        let rows = outcome.rows.topic;
        assert!(rows.actions.is_empty(), "it was passed on once");
        ends += rows.fates.iter().map(|row| row.events).sum::<u64>();
        admitted += rows.fates.iter().map(|row| row.door.unwrap()).sum::<u64>();
    }
    assert_eq!((ends, admitted), (1, 1));
}

#[tokio::test]
async fn a_start_finds_the_newest_progress_before_any_number_of_actions() {
    let log = Pipeline::without_processor().log;
    let append = async |rows: TopicRows| {
        for parts in entries(&rows).unwrap() {
            log.append(ROWS, parts).await.unwrap();
        }
    };
    assert_eq!(covered(log.as_ref()).await.unwrap(), 0);
    let progress = |(partition, offset)| ProgressRow {
        partition,
        partitions: 4,
        offset,
        log_time: T0 * 1_000,
        final_up_to: 0,
        sessions: 0,
        lost_events: 0,
        lost_entries: 0,
    };
    // The last rows are of a former owner that does not know that it was replaced.
    for offsets in [[(0, 40), (1, 40)], [(0, 80), (1, 78)], [(0, 40), (1, 40)]] {
        let progress = offsets.map(progress).to_vec();
        append(TopicRows { progress, ..TopicRows::default() }).await;
    }
    assert_eq!(covered(log.as_ref()).await.unwrap(), 78);
    for _ in 0..1_000 {
        append(TopicRows { actions: vec![action()], ..TopicRows::default() }).await;
    }
    assert_eq!(covered(log.as_ref()).await.unwrap(), 78);
}
