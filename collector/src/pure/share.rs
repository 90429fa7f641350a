//! Fair shares of the queue, without counting who is active: a tenant may hold so many times
//! what is still free. One alone gets three quarters, two get three sevenths each, and some
//! always stays free for whoever comes next, however long the others flood.

/// How many times the free part one tenant of weight 1 may hold.
const TIMES_FREE: u64 = 3;

/// The pressure of a tenant that holds `own` of a queue of `limit`, of which all together hold
/// `all`. A tenant of weight 2 may hold twice as much as one of weight 1.
pub fn pressure(own: u64, all: u64, limit: u64, weight: u32) -> u32 {
    let free = limit.saturating_sub(all);
    let may = free.saturating_mul(TIMES_FREE).saturating_mul(u64::from(weight));
    match (own, may) {
        (0, _) => 0,
        (_, 0) => u32::MAX,
        (own, may) => u32::try_from(own.saturating_mul(1_000) / may).unwrap_or(u32::MAX),
    }
}
