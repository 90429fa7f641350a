//! Snapshots: incomplete ones are skipped, and three are kept.

use tallylight_store::snapshot::{KEPT, SnapshotError, Snapshots};

fn open(dir: &tempfile::TempDir) -> Snapshots {
    Snapshots::open(dir.path().join("snapshots"), "log", 1).unwrap()
}

#[test]
fn the_newest_are_kept_and_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = open(&dir);
    for position in [3, 20, 100, 7_000, 80_000] {
        snapshots.write(position, &[b"state ", position.to_string().as_bytes()]).unwrap();
    }
    let found: Vec<_> = open(&dir).newest().collect();
    assert_eq!(found.len(), KEPT);
    assert_eq!(found.iter().map(|s| s.position).collect::<Vec<_>>(), [80_000, 7_000, 100]);
    assert_eq!(found[1].state, b"state 7000");
}

#[test]
fn a_processor_that_rereads_the_log_keeps_its_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    // Snapshots of another version: unusable here, and further ahead in the log.
    let before = Snapshots::open(dir.path().join("snapshots"), "log", 2).unwrap();
    (900..904).for_each(|position| before.write(position, &[b"state"]).unwrap());
    let snapshots = open(&dir);
    for position in 1..=10 {
        snapshots.write(position, &[b"state"]).unwrap();
        assert_eq!(snapshots.newest().next().map(|s| s.position), Some(position));
        assert_eq!(snapshots.newest().count(), KEPT.min(position as usize));
    }
    snapshots.write(1_000, &[b"state"]).unwrap();
    assert_eq!(snapshots.newest().count(), 1, "those of another version count as newer");
    (1_001..1_004).for_each(|position| snapshots.write(position, &[b"state"]).unwrap());
    assert_eq!(std::fs::read_dir(dir.path().join("snapshots")).unwrap().count(), KEPT);
}

#[test]
fn a_damaged_snapshot_is_skipped_for_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = open(&dir);
    snapshots.write(1, &[b"one"]).unwrap();
    snapshots.write(2, &[b"two"]).unwrap();
    let newest = dir.path().join("snapshots/00000000000000000002.snap");
    let whole = std::fs::read(&newest).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&newest, &bytes).unwrap();
        assert_eq!(snapshots.newest().map(|s| s.position).collect::<Vec<_>>(), [1], "byte {at}");
    }
    for length in [0, 10, 63, whole.len() - 1] {
        std::fs::write(&newest, &whole[..length]).unwrap();
        assert_eq!(snapshots.newest().map(|s| s.position).collect::<Vec<_>>(), [1]);
    }
    std::fs::write(&newest, &whole).unwrap();
    assert_eq!(snapshots.newest().count(), 2);
}

#[test]
fn another_version_is_skipped_and_another_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir).write(5, &[b"state"]).unwrap();
    let folder = dir.path().join("snapshots");
    let later = Snapshots::open(folder.clone(), "log", 2).unwrap();
    assert_eq!(later.newest().count(), 0);
    let error = Snapshots::open(folder, "another", 1).unwrap_err();
    assert!(matches!(error, SnapshotError::Foreign(_)), "{error}");
}

#[test]
fn a_temporary_file_left_by_a_crash_is_not_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = open(&dir);
    snapshots.write(5, &[b"state"]).unwrap();
    let aside = dir.path().join("snapshots/00000000000000000009.new");
    std::fs::write(&aside, b"half").unwrap();
    assert_eq!(snapshots.newest().map(|s| s.position).collect::<Vec<_>>(), [5]);
    assert_eq!(open(&dir).newest().count(), 1);
    assert!(!aside.exists(), "the next start deletes it");
}

#[test]
fn a_write_that_fails_leaves_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = open(&dir);
    // A folder has the snapshot's name, so the temporary file cannot be renamed to it.
    let place = dir.path().join("snapshots/00000000000000000005.snap");
    std::fs::create_dir(&place).unwrap();
    assert!(snapshots.write(5, &[b"state"]).is_err());
    let left = std::fs::read_dir(dir.path().join("snapshots")).unwrap();
    assert_eq!(left.count(), 1, "only the folder with its name");
}

#[test]
fn two_owners_at_the_same_position_leave_a_whole_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(&dir), open(&dir));
    let states = [vec![1; 300_000], vec![2; 200_000]];
    one.write(7, &[&states[0]]).unwrap();
    std::thread::scope(|both| {
        for (owner, state) in [&one, &other].into_iter().zip(&states) {
            both.spawn(move || (0..50).for_each(|_| owner.write(7, &[state]).unwrap()));
        }
        for _ in 0..500 {
            assert!(one.newest().next().is_some_and(|found| states.contains(&found.state)));
        }
    });
}
