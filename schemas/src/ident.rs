//! Which partition a record belongs to.

use xxhash_rust::xxh3::Xxh3;

/// At most this many partitions per topic.
pub const MAX_PARTITIONS: u16 = 64;

/// A stable 64-bit hash of a tenant and a key (a sid, or a source). It decides partitions on
/// disk, so it may never change.
pub fn hash(tenant: &str, key: &str) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(tenant.as_bytes());
    hasher.update(&[0]);
    hasher.update(key.as_bytes());
    hasher.digest()
}

/// The partition of `(tenant, key)` among `partitions`.
pub fn partition(tenant: &str, key: &str, partitions: u16) -> u16 {
    of_hash(hash(tenant, key), partitions)
}

/// The partition of a [`hash`] among `partitions`.
pub fn of_hash(hash: u64, partitions: u16) -> u16 {
    let partitions = u64::from(partitions.clamp(1, MAX_PARTITIONS));
    u16::try_from(hash % partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_frozen() {
        assert_eq!(partition("demo", "a", 4), partition("demo", "a", 4));
        assert_ne!(hash("demo", "a"), hash("dem", "oa"));
        assert_eq!(hash("demo", "session-1"), FROZEN);
    }

    /// Logs on disk depend on this value.
    const FROZEN: u64 = 15_050_711_394_807_164_350;
}
