//! Fair shares of the memory for bodies ([`fits`]), and of the queue. Of the queue's two rules the
//! more generous one applies:
//!
//! - Within its fair share a tenant has no pressure, or is at most asked for less. The fair share
//!   is an equal part, by weight, for each tenant that holds anything and for one more. A tenant
//!   that held more before the others came gives it back gradually, so this applies while an eighth
//!   is free.
//! - Beyond it a tenant may hold as much as is still free: one alone gets half of the queue, two
//!   get a third each, and some is free for the next one, however long the others flood.

use super::ladder::THIN;

/// What is held, and the limit.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// By the tenant in question.
    pub own: u64,
    /// By all tenants together.
    pub all: u64,
    /// At most.
    pub limit: u64,
}

/// The pressure of a tenant of `weight`; `active` is the sum of the weights of all tenants that
/// hold something, including this one.
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

/// Whether a tenant may take `more` of the memory for bodies. It may hold no more than is then
/// still free: one alone gets half, two get a third each, and some is free for the next one. An
/// empty piece is always allowed.
pub fn fits(Held { own, all, limit }: Held, more: u64) -> bool {
    let free = limit.saturating_sub(all.saturating_add(more));
    more == 0 || own.saturating_add(more) <= free
}
