//! Fair shares of the queue. Two rules, of which the kinder holds:
//!
//! - Within its fair share a tenant is calm, or at most asked for less. Fair is an equal part,
//!   by weight, for each tenant that holds anything and for one who may come. Who held more
//!   before the others came gives it back by and by, so this holds while an eighth is free.
//! - Beyond it a tenant may hold as much as is still free: one alone gets half of the queue, two
//!   get a third each, and some is free for whoever comes next, however long the others flood.

use super::ladder::THIN;

/// The queue, and who holds how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// By the tenant asked about.
    pub own: u64,
    /// By all together.
    pub all: u64,
    /// At most.
    pub limit: u64,
}

/// The pressure of a tenant of `weight`, where tenants of the sum `active` hold something, the
/// tenant itself included.
pub fn pressure(Held { own, all, limit }: Held, weight: u32, active: u32) -> u32 {
    let (weight, active) = (u64::from(weight), u64::from(active));
    let fair = limit.saturating_mul(3 * weight) / (4 * (active + 1));
    let free = limit.saturating_sub(all).saturating_mul(weight);
    let of_free = match (own, free) {
        (0, _) => 0,
        (_, 0) => u64::MAX,
        (own, free) => own.saturating_mul(1_000) / free,
    };
    let roomy = all <= limit - limit / 8;
    let of_fair = if roomy && own < fair { own * u64::from(THIN - 1) / fair } else { u64::MAX };
    u32::try_from(of_free.min(of_fair)).unwrap_or(u32::MAX)
}
