//! Goldens: `UPDATE_GOLDENS=1 cargo test --locked --workspace --test suite` rewrites those
//! that differ.

use std::path::PathBuf;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDENS").is_some()
}

/// Compares text with the golden of that name.
pub(crate) fn check(name: &str, actual: &str) {
    let path = path(name);
    if updating() {
        return std::fs::write(&path, actual).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (want, got)) in (1..).zip(golden.lines().zip(actual.lines())) {
        assert_eq!(got, want, "line {line} of {name}");
    }
    assert_eq!(actual, golden, "{name}");
}

/// Stored bytes of an earlier version. They are written once and never rewritten, like data on
/// users' disks.
pub(crate) fn stored(name: &str, bytes: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = path(name);
    if updating() && !path.exists() {
        std::fs::write(&path, bytes()).unwrap();
    }
    std::fs::read(&path).unwrap()
}
