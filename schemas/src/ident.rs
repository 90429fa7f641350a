//! Assigns records to partitions, and partitions to shards of the log.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// At most this many partitions per topic.
pub const MAX_PARTITIONS: u16 = 64;
/// Inputs up to this many bytes, which is nearly all of them, are hashed in one piece: the
/// streaming hasher has half a kilobyte of state to set up first.
const ONE_PIECE: usize = 128;

/// A stable 64-bit hash of a tenant and a key (a sid, or a source). It determines partitions on
/// disk, so it must never change.
pub fn hash(tenant: &str, key: &str) -> u64 {
    let mut piece = [0; ONE_PIECE];
    if let Some(piece) = piece.get_mut(..tenant.len() + 1 + key.len()) {
        piece[..tenant.len()].copy_from_slice(tenant.as_bytes());
        piece[tenant.len() + 1..].copy_from_slice(key.as_bytes());
        return xxh3_64(piece);
    }
    in_pieces(tenant, key)
}

/// A stable 64-bit hash of a request as it was sent. It is stored in logs on disk.
pub fn digest(request: &[u8]) -> u64 {
    xxh3_64(request)
}

fn in_pieces(tenant: &str, key: &str) -> u64 {
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

/// Checks that every shard gets at least one partition; the error says what to do.
pub fn each_shard_has_one(partitions: u16, shards: u16) -> Result<(), String> {
    if shards <= partitions {
        return Ok(());
    }
    Err(format!(
        "partitions is {partitions} and the log has {shards} shards, each of which must have one: \
         raise collector.partitions and processor.partitions, or use a log with fewer shards"
    ))
}

/// A part of the log with its own order, made of whole partitions (ADR 25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard {
    number: u16,
    of: u16,
}

impl Shard {
    /// The only shard of a log that has one order.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Shard `number` of `of`, counted from 0; `None` if it does not exist.
    pub fn new(number: u16, of: u16) -> Option<Self> {
        (number < of && of <= MAX_PARTITIONS).then_some(Self { number, of })
    }

    /// Its number, from 0.
    pub fn number(self) -> u16 {
        self.number
    }

    /// How many shards the log has.
    pub fn of(self) -> u16 {
        self.of
    }

    /// Whether a partition is in it.
    pub fn has(self, partition: u16) -> bool {
        partition % self.of == self.number
    }

    /// Those of `partitions` that are in it.
    pub fn partitions(self, partitions: u16) -> impl Iterator<Item = u16> {
        (0..partitions).filter(move |partition| self.has(*partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_in_one_shard() {
        assert_eq!(Shard::new(0, 1), Some(Shard::WHOLE));
        assert_eq!([Shard::new(3, 3), Shard::new(0, 0), Shard::new(0, 65)], [None; 3]);
        let shards = (0..3).filter_map(|number| Shard::new(number, 3));
        let mut all: Vec<u16> = shards.flat_map(|shard| shard.partitions(8)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn the_hash_is_frozen() {
        assert_ne!(hash("demo", "a"), hash("dem", "oa"));
        assert_eq!(hash("demo", "session-1"), FROZEN);
        assert_eq!(partition("demo", "session-1", 4), 2);
    }

    #[test]
    fn one_piece_and_several_hash_alike() {
        for (tenant, key) in [(0, 0), (4, 36), (100, 26), (100, 27), (100, 28), (300, 0), (0, 300)]
        {
            let (tenant, key) = ("t".repeat(tenant), "k".repeat(key));
            assert_eq!(hash(&tenant, &key), in_pieces(&tenant, &key));
        }
    }

    /// Logs on disk depend on this value.
    const FROZEN: u64 = 15_050_711_394_807_164_350;
}
