//! The shedding ladder: what a collector under pressure does, from asking for less to refusing.
//!
//! Pressure is in thousandths: 0 is none, 1,000 is where a tenant has all that it may take. It
//! comes from the tenant's [share](super::share) of the queue or from its [quota](super::bucket),
//! whichever is higher.

use tallylight_schemas::fates::Reason;

use super::priority::Priority;

/// From here clients are asked for less.
pub const GUIDE: u32 = 250;
/// Heartbeats are shed from here: of more and more sessions up to [`THIN_STATE`], where all are
/// shed.
pub const THIN: u32 = 500;
/// State changes are shed from here, of all sessions at [`FULL`].
pub const THIN_STATE: u32 = 750;
/// Only errors, starts and ends are accepted from here.
pub const FULL: u32 = 1_000;
/// A request without any of those is refused from here.
pub const REFUSE: u32 = 2_000;
/// Every request of the tenant is refused from here.
pub const REFUSE_ALL: u32 = 5_000;

/// The standing of one tenant at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Pressure, in thousandths of what the tenant may take.
    pub pressure: u32,
    /// Where the pressure comes from: [`Reason::Overload`] or [`Reason::Quota`].
    pub cause: Reason,
}

/// What clients are asked for until the next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many times longer their intervals should be.
    pub interval: u8,
    /// Of how many sessions in a hundred heartbeats are requested.
    pub sample: u8,
}

impl Standing {
    /// No pressure.
    pub const CALM: Self = Self { pressure: 0, cause: Reason::Overload };

    /// The one with the higher pressure.
    pub fn or(self, other: Self) -> Self {
        if other.pressure > self.pressure { other } else { self }
    }

    /// Whether every record is accepted.
    pub fn keeps_all(self) -> bool {
        self.pressure < THIN
    }

    /// Whether rejected records are kept as dead letters: they are left out before any record is
    /// shed.
    pub fn keeps_letters(self) -> bool {
        self.pressure < GUIDE
    }

    /// Whether a record is accepted. `lot` is the hash bucket of its session, so that sessions are
    /// thinned as a whole: one that is kept at some pressure is kept at every lower one.
    pub fn keeps(self, priority: Priority, lot: u16) -> bool {
        match priority {
            Priority::Vital => true,
            Priority::State => self.spares(THIN_STATE, FULL, lot),
            Priority::Heartbeat => self.spares(THIN, THIN_STATE, lot),
        }
    }

    fn spares(self, from: u32, to: u32, lot: u16) -> bool {
        let shed = u64::from(self.pressure.saturating_sub(from)) << 16;
        u64::from(lot) * u64::from(to - from) >= shed
    }

    /// Whether a request is answered 429, by whether it has vital records.
    pub fn refuses(self, vital: bool) -> bool {
        self.pressure >= if vital { REFUSE_ALL } else { REFUSE }
    }

    /// Seconds until a refused client may retry, spread so that not all retry at once.
    pub fn retry_after(self, lot: u16) -> u32 {
        let (least, spread) = if self.pressure >= REFUSE_ALL { (5, 25) } else { (2, 8) };
        least + u32::from(lot) % spread
    }

    /// What clients are asked for; `None` when that is nothing.
    pub fn pace(self) -> Option<Pace> {
        match self.pressure {
            ..GUIDE => None,
            GUIDE..THIN => Some(Pace { interval: 2, sample: 100 }),
            THIN..THIN_STATE => Some(Pace { interval: 3, sample: 50 }),
            THIN_STATE.. => Some(Pace { interval: 4, sample: 25 }),
        }
    }
}
