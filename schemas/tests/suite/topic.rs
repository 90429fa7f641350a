//! Entries of topic `rows`: what was encoded is decoded, from one entry or from several.

use tallylight_schemas::record::Kind;
use tallylight_schemas::rows::{RowsPart, TopicRows};

use crate::samples::{delivery_rows, fates_rows, playback, progress};
use crate::steered::{actions, incidents};

fn rows() -> TopicRows {
    TopicRows {
        playback: playback(),
        delivery: delivery_rows(),
        fates: fates_rows(),
        actions: actions(),
        incidents: incidents(),
        progress: progress(),
    }
}

fn decode(parts: &[RowsPart]) -> TopicRows {
    TopicRows::decode(parts.iter().map(|(kind, payload)| (kind.code(), &payload[..]))).unwrap()
}

#[test]
fn every_kind_is_decoded_and_others_are_ignored() {
    let entries = rows().encode().unwrap();
    let [entry] = &entries[..] else { panic!("{} entries", entries.len()) };
    let kinds: Vec<u16> = entry.iter().map(|(kind, _)| kind.code()).collect();
    assert_eq!(kinds, [16, 17, 18, 5, 6, 19], "as they were always stored");
    assert_eq!(decode(entry), rows());
    assert!(TopicRows::default().encode().unwrap().iter().all(Vec::is_empty));

    let others = [(Kind::Tick.code(), &b""[..]), (Kind::Player.code(), b"x"), (9_999, b"newer")];
    assert!(TopicRows::decode(others).unwrap().is_empty());
    let error = TopicRows::decode([(Kind::Progress.code(), &b"damaged"[..])]).unwrap_err();
    assert!(error.to_string().starts_with("a part of kind Progress cannot be read"), "{error}");
}

#[test]
fn progress_is_in_the_last_of_several_entries() {
    let many = delivery_rows().into_iter().cycle().take(20_001).collect();
    let rows = TopicRows { delivery: many, ..rows() };
    let entries: Vec<TopicRows> =
        rows.encode().unwrap().iter().map(|entry| decode(entry)).collect();
    let sizes: Vec<_> = entries
        .iter()
        .map(|one| (one.playback.len(), one.delivery.len(), one.fates.len(), one.progress.len()))
        .collect();
    let (playback, fates, progress) = (playback().len(), fates_rows().len(), progress().len());
    assert_eq!(sizes, [(playback, 20_000, 0, 0), (0, 1, fates, progress)]);
    let mut whole = TopicRows::default();
    entries.into_iter().for_each(|entry| whole.extend(entry));
    assert_eq!(whole, rows);
}
