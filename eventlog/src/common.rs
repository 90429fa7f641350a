//! What every log needs.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::LogError;

/// Whether a topic may be called so: a folder on disk, a part of a name in Kafka.
pub(crate) fn valid_name(name: &str) -> bool {
    let valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(valid)
}

/// A name that no other log has.
pub(crate) fn fresh() -> String {
    // Seeded by the system: unique, which is all that is asked for.
    let random = |salt: u64| RandomState::new().hash_one(salt);
    format!("{:016x}{:016x}", random(1), random(2))
}

/// The error of whoever names a topic that the log was not opened with.
pub(crate) fn unknown(topic: &str) -> LogError {
    LogError::Invalid(format!("there is no topic {topic:?}"))
}

/// A panic elsewhere must not become one here: the data under our locks is whole between
/// statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
