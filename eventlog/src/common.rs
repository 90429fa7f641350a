//! Helpers that every log needs.

use std::hash::{BuildHasher, RandomState};

use crate::LogError;

/// A segment is left when it covers this part of the age cap, so that age is dropped in steps.
pub(crate) const SEGMENTS_PER_AGE: u32 = 8;

/// Whether this is a valid topic name: it names a folder on disk and is part of a name in Kafka.
pub(crate) fn valid_name(name: &str) -> bool {
    let valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(valid)
}

/// A unique id for a new log.
pub(crate) fn fresh() -> String {
    // Seeded by the system: unique is all that it has to be.
    let random = |salt: u64| RandomState::new().hash_one(salt);
    format!("{:016x}{:016x}", random(1), random(2))
}

/// The error for a topic that the log was not opened with.
pub(crate) fn unknown(topic: &str) -> LogError {
    LogError::Invalid(format!("there is no topic {topic:?}"))
}
