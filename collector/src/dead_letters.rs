//! Dead letters: rejected records that are kept with their reason, so that an integrator finds them
//! later by SQL (ADR 9). They are the first thing left out under load, and then they are counted: a
//! rejected record must never cost an accepted one.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::fates::Reason;

use crate::beacons::shown;
use crate::decode::{Context, Rows};
use crate::fates::Source;
use crate::metrics::{Letter, Metrics};

/// Most dead letters in the rows of one flush: 64 KiB.
pub const PER_FLUSH: usize = 16;
const DAY_US: i64 = 86_400_000_000;

/// The daily quotas.
#[derive(Debug)]
pub struct DeadLetters {
    per_day: u32,
    metrics: Arc<Metrics>,
    today: Mutex<Today>,
}

/// How many were kept, by tenant and reason; both are bounded by settings and code.
#[derive(Debug, Default)]
struct Today {
    day: i64,
    kept: FxHashMap<String, FxHashMap<Reason, u32>>,
}

impl DeadLetters {
    /// Keeps at most `per_day` of a tenant and reason in a day (UTC).
    pub fn new(per_day: u32, metrics: Arc<Metrics>) -> Self {
        Self { per_day, metrics, today: Mutex::default() }
    }

    /// Whether another one is within the quota; if so it is charged.
    fn takes(&self, tenant: &str, reason: Reason, now_us: i64) -> bool {
        let mut today = self.today.lock();
        let day = now_us.div_euclid(DAY_US);
        // A clock that steps back a little does not restart a day; a date that was far ahead is
        // forgotten.
        if day > today.day || day + 1 < today.day {
            *today = Today { day, ..Today::default() };
        }
        let of_tenant = match today.kept.get_mut(tenant) {
            Some(of_tenant) => of_tenant,
            None => today.kept.entry(tenant.to_owned()).or_default(),
        };
        let kept = of_tenant.entry(reason).or_default();
        let takes = *kept < self.per_day;
        *kept += u32::from(takes);
        takes
    }

    /// Gives back what a dead letter of that time was charged that the log did not take.
    pub(crate) fn refund(&self, tenant: &str, reason: &str, at_us: i64) {
        let mut today = self.today.lock();
        if at_us.div_euclid(DAY_US) != today.day {
            return;
        }
        let of_tenant = today.kept.get_mut(tenant).into_iter().flatten();
        for (_, kept) in of_tenant.filter(|(of, _)| of.as_str() == reason) {
            *kept = kept.saturating_sub(1);
        }
    }
}

impl Context<'_> {
    /// Whether these rows have room for another dead letter. A caller that must serialise a record
    /// for it checks first.
    pub(crate) fn has_room(&self, rows: &Rows) -> bool {
        self.letters.is_some() && self.standing.keeps_letters() && rows.letters.len() < PER_FLUSH
    }

    /// Keeps a rejected record, if there is room. An empty one is kept without its text.
    pub(crate) fn bury(&self, (source, reason): (Source, Reason), record: &[u8], rows: &mut Rows) {
        let Some(letters) = self.letters else { return };
        if reason == Reason::TooMany {
            // It was never decoded.
            return;
        }
        if !self.has_room(rows) {
            return letters.metrics.count_letters(Letter::Dropped, 1);
        }
        if !letters.takes(self.tenant, reason, self.received_at) {
            return letters.metrics.count_letters(Letter::OverQuota, 1);
        }
        let has_text = !record.is_empty();
        rows.letters.push(DeadLetter {
            tenant: self.tenant.to_owned(),
            received_at: self.received_at,
            source: source.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            record: has_text.then(|| shown::kept(record)),
            bytes: has_text.then(|| i64::try_from(record.len()).unwrap_or(i64::MAX)),
            ..DeadLetter::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_of_a_tenant_a_reason_and_a_day() {
        let letters = DeadLetters::new(2, Arc::default());
        let now = 20_000 * DAY_US + 5;
        let take = |tenant, reason, at| letters.takes(tenant, reason, at);
        let all = [1, 2, 3].map(|_| take("a", Reason::NoSid, now));
        assert_eq!(all, [true, true, false]);
        assert!(take("a", Reason::BadTs, now) && take("b", Reason::NoSid, now));
        assert!(!take("a", Reason::NoSid, now + DAY_US - 6), "the same day");
        assert!(take("a", Reason::NoSid, now + DAY_US - 5), "the next");
        assert!(take("a", Reason::NoSid, now), "a clock that goes back is still in it");
        assert!(!take("a", Reason::NoSid, now));
        assert!(!DeadLetters::new(0, Arc::default()).takes("a", Reason::NoSid, now));
    }
}
