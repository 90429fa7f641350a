//! Damage before the tail: never a wrong payload or a silent loss, and an exact count.

use std::fs;
use std::os::unix::fs::FileExt;

use tallylight_eventlog::EventLog;

use super::kit::{
    HEADER, TOPIC, append, borders, changed, crashed, fast_dir, folder, open, read_all,
    segment_path,
};

/// Which record byte `at` belongs to; `None` for the segment's header.
fn record_of(borders: &[usize], at: usize) -> Option<u64> {
    borders.iter().rposition(|border| *border <= at).map(|record| record as u64)
}

#[tokio::test]
async fn any_flipped_bit_of_a_crashed_log_loses_its_entry_only() {
    let bytes = crashed(5).await;
    let borders = borders(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let dir = folder(&[(0, &flipped)]);
        let log = open(dir.path());
        let all = read_all(&log).await;
        let (entries, next, lost) = match record_of(&borders, bit / 8) {
            None => (5, 5, 0),
            // Nothing valid follows, so this cannot be distinguished from a torn tail.
            Some(4) => (4, 4, 0),
            Some(_) => (4, 5, 1),
        };
        let seen = (all.entries.len(), all.next, all.lost);
        assert_eq!(seen, (entries, next, lost), "bit {bit}");
        assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, lost, "bit {bit}");
        append(&log, next..next + 1).await;
    }
}

#[tokio::test]
async fn any_flipped_bit_of_a_closed_log_loses_its_entry_only() {
    let dir = fast_dir();
    let log = open(dir.path());
    append(&log, 0..5).await;
    log.close().await;
    let bytes = fs::read(segment_path(dir.path(), 0)).unwrap();
    let seal = fs::read(segment_path(dir.path(), 5)).unwrap();
    let borders = borders(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let dir = folder(&[(0, &flipped), (5, &seal)]);
        let lost = u64::from(record_of(&borders, bit / 8).is_some());
        for opening in 0..2 {
            let log = open(dir.path());
            assert_eq!(log.usage(TOPIC).unwrap().next, 5 + opening);
            let all = read_all(&log).await;
            assert_eq!((all.next, all.lost), (5 + opening, lost), "bit {bit}");
            // A second read counts nothing twice.
            read_all(&log).await;
            assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, lost, "bit {bit}");
            append(&log, 5 + opening..6 + opening).await;
        }
    }
}

#[tokio::test]
async fn a_hole_in_the_middle_is_counted_wherever_it_is() {
    let bytes = crashed(8).await;
    let borders = borders(&bytes);
    for from in (0..borders[6]).step_by(3) {
        for to in (from + 1..=borders[7]).step_by(5) {
            let mut holed = bytes.clone();
            holed[from..to].fill(0);
            let hit = changed(&bytes, &holed).len() as u64;
            let dir = folder(&[(0, &holed)]);
            let log = open(dir.path());
            let all = read_all(&log).await;
            assert_eq!((all.next, all.lost), (8, hit), "hole {from}..{to}");
            assert_eq!(all.entries.len() as u64, 8 - hit);
            assert_eq!(log.recovery(TOPIC).unwrap().damaged_entries, hit);
            assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, hit);
            append(&log, 8..9).await;
        }
    }
}

#[tokio::test]
async fn inserted_bytes_lose_nothing() {
    let bytes = crashed(4).await;
    let borders = borders(&bytes);
    let longer = [&bytes[..borders[2]], b"not a record", &bytes[borders[2]..]].concat();
    let dir = folder(&[(0, &longer)]);
    let log = open(dir.path());
    let all = read_all(&log).await;
    assert_eq!((all.entries.len(), all.lost, all.next), (4, 0, 4));
}

/// Without the header and the first record, the id is searched; bytes that only look like a record
/// must not make the log skip ahead.
#[tokio::test]
async fn a_record_with_an_impossible_offset_is_ignored() {
    let bytes = crashed(6).await;
    let borders = borders(&bytes);
    let mut planted = crashed(1).await[HEADER..].to_vec();
    planted[16..24].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let crc = crc32c::crc32c(&planted[..32]);
    planted[32..36].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&planted[..36]), &planted[HEADER..]);
    planted[36..40].copy_from_slice(&crc.to_le_bytes());
    let mut holed = bytes;
    holed[..borders[4]].fill(0);
    holed[HEADER + 60..HEADER + 60 + planted.len()].copy_from_slice(&planted);
    let dir = folder(&[(0, &holed)]);
    let log = open(dir.path());
    let all = read_all(&log).await;
    assert_eq!((all.entries.len(), all.next, all.lost), (2, 6, 4));
    append(&log, 6..7).await;
}

#[tokio::test]
async fn a_damaged_entry_is_copied_and_skipped() {
    let mut bytes = crashed(4).await;
    let borders = borders(&bytes);
    bytes[borders[1] + 50] ^= 0x10;
    let dir = folder(&[(0, &bytes)]);
    let log = open(dir.path());
    let name = format!("quarantine/damaged-{:020}-{}.bin", 0, borders[1]);
    let copy = fs::read(dir.path().join(TOPIC).join(name)).unwrap();
    assert_eq!(copy, bytes[borders[1]..borders[2]]);
    let batch = log.read(TOPIC, 1, 1 << 20).await.unwrap();
    assert_eq!((batch.lost, batch.entries[0].offset, batch.next), (1, 2, 4));
    let batch = log.read(TOPIC, 2, 1 << 20).await.unwrap();
    assert_eq!((batch.lost, batch.entries[0].offset), (0, 2));
}

/// Offset 4 was reported lost to a reader; a restart must not give it to another entry.
#[tokio::test]
async fn a_tail_damaged_while_the_log_runs_keeps_its_offset() {
    let dir = fast_dir();
    let log = open(dir.path());
    append(&log, 0..5).await;
    let path = segment_path(dir.path(), 0);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"damage", fs::metadata(&path).unwrap().len() - 6).unwrap();
    for _ in 0..2 {
        let all = read_all(&log).await;
        assert_eq!((all.entries.len(), all.next, all.lost), (4, 5, 1));
    }
    let crashed = fast_dir();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(dir.path().join(TOPIC))
        .arg(crashed.path())
        .status();
    assert!(copied.unwrap().success());
    let log = open(crashed.path());
    append(&log, 5..7).await;
    drop(log);
    let log = open(crashed.path());
    let all = read_all(&log).await;
    assert_eq!((all.entries.len(), all.next, all.lost), (6, 7, 1));
    assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, 1);
}
