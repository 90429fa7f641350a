//! The newest records as they were received, for setting up a player: what came, what became of it
//! here, and what is wrong with it in words.
//!
//! Nothing is kept while no client reads: a request for the list opens the ring for a while, and
//! while it is closed a record costs one atomic load. The ring is bounded, holds no peer's address,
//! and texts are cut and scrubbed before they go in.

mod headers;
pub(crate) mod shown;
mod words;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use tallylight_schemas::cmcd::{Key, Mode, Record};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_serve::problem::Problem;

/// Beacons held, of all tenants together.
pub const KEPT: usize = 512;
/// How long the ring stays open after a request for the list, µs.
const OPEN_US: i64 = 30_000_000;

/// One record as it was received, or one request that was refused whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beacon {
    /// Counts the beacons kept; those of a gap were pushed out before they were read.
    pub n: u64,
    /// Arrival, Unix ms.
    pub at: i64,
    /// Where it came in: `cmcd`, `cmcd_query`, `events`.
    pub source: &'static str,
    /// The session id, if one could be read.
    pub sid: Option<String>,
    /// The record, cut and scrubbed; empty when the request was refused before it was read.
    pub text: String,
    /// `accepted` or `rejected`; `refused` when no record of the request was read.
    pub fate: &'static str,
    /// Why, as in the header `Tallylight-Fates`; `none` when accepted.
    pub reason: String,
    /// What is wrong with it and what to do about it; empty when nothing is.
    pub wrong: Vec<String>,
    /// The tenant; `None` when the request was refused for its key.
    #[serde(skip)]
    tenant: Option<String>,
}

/// Which beacons are requested.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// Only sessions whose id begins so, and what belongs to no session.
    pub sid: Option<&'a str>,
    /// Only beacons after this number.
    pub after: u64,
    /// At most so many of the newest.
    pub last: usize,
}

/// The beacons found.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// Now, Unix ms.
    pub now: i64,
    /// The number of the newest beacon kept; request what is `after` it next.
    pub newest: u64,
    /// When the ring was opened, Unix ms: earlier records were not kept.
    pub open_since: i64,
    /// Oldest first.
    pub beacons: Vec<Beacon>,
}

/// The bounded ring.
#[derive(Debug, Default)]
pub struct Ring {
    open_until: AtomicI64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    newest: u64,
    open_since: i64,
    beacons: VecDeque<Beacon>,
}

impl Ring {
    /// Whether records are kept at this moment (Unix µs).
    pub fn open(&self, now_us: i64) -> bool {
        now_us < self.open_until.load(Ordering::Relaxed)
    }

    /// Keeps a record that was decoded, or could not be.
    pub fn record(
        &self,
        text: &[u8],
        read: Result<&Record<'_>, Reason>,
        (mode, source, tenant, now_us): (Mode, &'static str, &str, i64),
    ) {
        let sid = read.ok().and_then(|record| record.text(Key::Sid));
        let (fate, reason) = match read {
            Ok(_) => (Fate::Accepted, Reason::None),
            Err(reason) => (Fate::Rejected, reason),
        };
        self.keep(Beacon {
            n: 0,
            at: now_us / 1_000,
            source,
            sid: sid.map(str::to_owned),
            text: shown::shown(text),
            fate: fate.as_str(),
            reason: reason.as_str().to_owned(),
            wrong: words::wrong(read, (mode, source), now_us / 1_000),
            tenant: Some(tenant.to_owned()),
        });
    }

    /// Keeps a request that was refused before its records were read, with its tenant if known.
    pub fn refused(
        &self,
        source: &'static str,
        problem: &Problem,
        (tenant, now_us): (Option<String>, i64),
    ) {
        self.keep(Beacon {
            n: 0,
            at: now_us / 1_000,
            source,
            sid: None,
            text: String::new(),
            fate: "refused",
            reason: format!("{}", problem.status().as_u16()),
            wrong: vec![words::refusal(problem)],
            tenant,
        });
    }

    fn keep(&self, mut beacon: Beacon) {
        let mut kept = self.kept.lock();
        kept.newest += 1;
        beacon.n = kept.newest;
        if kept.beacons.len() == KEPT {
            kept.beacons.pop_front();
        }
        kept.beacons.push_back(beacon);
    }

    /// Opens the ring, or keeps it open, and returns what is requested.
    pub fn look(&self, wanted: &Wanted<'_>, now_us: i64) -> Seen {
        let was_open = self.open(now_us);
        self.open_until.store(now_us.saturating_add(OPEN_US), Ordering::Relaxed);
        let mut kept = self.kept.lock();
        if !was_open {
            // What is left from an earlier time is not for this reader.
            kept.beacons.clear();
            kept.open_since = now_us / 1_000;
        }
        let fits = |beacon: &&Beacon| {
            let tenant = beacon.tenant.as_deref().is_none_or(|tenant| tenant == wanted.tenant);
            let sid = match (wanted.sid, beacon.sid.as_deref()) {
                (Some(wanted), Some(sid)) => sid.starts_with(wanted),
                _ => true,
            };
            beacon.n > wanted.after && tenant && sid
        };
        let mut beacons: Vec<Beacon> =
            kept.beacons.iter().rev().filter(fits).take(wanted.last).cloned().collect();
        beacons.reverse();
        Seen { now: now_us / 1_000, newest: kept.newest, open_since: kept.open_since, beacons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::cmcd::parse;

    const NOW: i64 = 1_795_000_000_000_000;

    fn put(ring: &Ring, tenant: &str, text: &str) {
        let record = parse(text, Mode::Event);
        let read = record.as_ref().map_err(|reason| *reason);
        ring.record(text.as_bytes(), read, (Mode::Event, "cmcd", tenant, NOW));
    }

    fn all(tenant: &str) -> Wanted<'_> {
        Wanted { tenant, last: 100, ..Wanted::default() }
    }

    #[test]
    fn nothing_is_kept_while_no_client_reads() {
        let ring = Ring::default();
        assert!(!ring.open(NOW));
        assert!(ring.look(&all("demo"), NOW).beacons.is_empty());
        assert!(ring.open(NOW + OPEN_US - 1));
        assert!(!ring.open(NOW + OPEN_US));
        put(&ring, "demo", "e=t,sid=\"a\",sn=0,ts=1795000000000,v=2");
        assert_eq!(ring.look(&all("demo"), NOW + 1).beacons.len(), 1);
        // After the ring was closed it is empty, and numbers continue.
        let later = ring.look(&all("demo"), NOW + 9 * OPEN_US);
        assert_eq!((later.beacons.len(), later.newest), (0, 1));
    }

    #[test]
    fn the_newest_of_one_tenant_and_session_and_those_without_a_session() {
        let ring = Ring::default();
        ring.look(&all("demo"), NOW);
        put(&ring, "demo", "e=t,sid=\"my-1\",sn=0,ts=1795000000000,v=2");
        put(&ring, "other", "e=t,sid=\"my-2\",sn=0,ts=1795000000000,v=2");
        put(&ring, "demo", "e=t,sid=\"their\",sn=0,ts=1795000000000,v=2");
        put(&ring, "demo", "e=t,ts=1795000000000");
        let wanted = Wanted { sid: Some("my-"), ..all("demo") };
        let seen = ring.look(&wanted, NOW);
        let got: Vec<_> = seen.beacons.iter().map(|b| (b.n, b.fate, b.reason.as_str())).collect();
        assert_eq!(got, [(1, "accepted", "none"), (4, "rejected", "no_sid")]);
        let after = ring.look(&Wanted { after: 1, ..wanted }, NOW);
        assert_eq!(after.beacons.len(), 1);
    }

    #[test]
    fn the_ring_is_bounded() {
        let ring = Ring::default();
        ring.look(&all("demo"), NOW);
        for n in 0..KEPT + 10 {
            put(&ring, "demo", &format!("e=t,sid=\"a\",sn={n},ts=1795000000000,v=2"));
        }
        let seen = ring.look(&Wanted { last: usize::MAX, ..all("demo") }, NOW);
        assert_eq!(seen.beacons.len(), KEPT);
        assert_eq!(seen.beacons[0].n, 11);
    }
}
