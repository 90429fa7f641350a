//! Who talks too much: the quota of single sessions, shared by every request.

use std::sync::{Mutex, PoisonError};

use crate::pure::priority::Priority;
use crate::pure::sessions::Sessions;

/// Locks, so that requests seldom wait for each other.
const SHARDS: usize = 16;
/// Sessions followed at one time, over all shards: 256 KiB of memory.
const FOLLOWED: usize = 16_384;

/// The quotas of all sessions.
#[derive(Debug)]
pub struct Talkers {
    shards: Vec<Mutex<Sessions>>,
}

impl Talkers {
    /// Quotas of `rate` records a second for each session; 0 is none.
    pub fn new(rate: u32) -> Self {
        let shards = if rate == 0 { 0 } else { SHARDS };
        let shard = |_| Mutex::new(Sessions::new(rate, FOLLOWED / SHARDS));
        Self { shards: (0..shards).map(shard).collect() }
    }

    /// Whether a record of a session, by its hash, is taken at `now_us`; it is charged if so.
    pub fn takes(&self, session: u64, priority: Priority, now_us: i64) -> bool {
        if self.shards.is_empty() {
            return true;
        }
        // Bits that choose neither the partition nor the place in the shard.
        let Some(shard) = self.shards.get((session >> 40) as usize % SHARDS) else { return true };
        let mut sessions = shard.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.takes(session, priority, now_us)
    }
}
