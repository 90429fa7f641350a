//! The quotas of single sessions, shared by all requests.

use parking_lot::Mutex;

use crate::pure::priority::Priority;
use crate::pure::sessions::Sessions;

/// Number of locks, so that requests seldom wait for each other.
const SHARDS: usize = 16;
/// Sessions tracked at one time, over all shards: 256 KiB of memory.
const TRACKED: usize = 16_384;

/// The quotas of all sessions.
#[derive(Debug)]
pub struct Talkers {
    shards: Vec<Mutex<Sessions>>,
}

impl Talkers {
    /// Quotas of `rate` records a second for each session; 0 disables them.
    pub fn new(rate: u32) -> Self {
        let shards = if rate == 0 { 0 } else { SHARDS };
        let shard = |_| Mutex::new(Sessions::new(rate, TRACKED / SHARDS));
        Self { shards: (0..shards).map(shard).collect() }
    }

    /// Whether a record of a session, given by its hash, is accepted at `now_us`; if so it is
    /// charged.
    pub fn takes(&self, session: u64, priority: Priority, now_us: i64) -> bool {
        if self.shards.is_empty() {
            return true;
        }
        // Bits that select neither the partition nor the slot in the shard.
        let Some(shard) = self.shards.get((session >> 40) as usize % SHARDS) else { return true };
        let mut sessions = shard.lock();
        sessions.takes(session, priority, now_us)
    }
}
