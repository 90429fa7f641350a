//! Body → builders. Nothing here knows HTTP: benches and tests call it as the collector does.
//!
//! A record that cannot be used costs itself and nothing else; every record is counted in the
//! returned [`Tally`](crate::fates::Tally).

pub mod arrow;
pub mod cmcd;
pub mod control;
pub(crate) mod delivery;
pub mod inflate;
pub mod json;
pub mod otlp;
pub mod player;
pub(crate) mod reported;
pub mod rows;

pub use rows::Rows;

use memchr::memchr_iter;
use tallylight_schemas::cmcd::Rule;
use tallylight_schemas::ident;
use tallylight_schemas::player::About;

use crate::beacons::Ring;
use crate::dead_letters::DeadLetters;
use crate::pure::ladder::Standing;
use crate::talkers::Talkers;

/// What is known about a request's records before any is read.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The tenant that owns the records.
    pub tenant: &'a str,
    /// Time of arrival, Unix µs.
    pub received_at: i64,
    /// Records beyond this many are rejected.
    pub max_records: usize,
    /// Where rejected records are kept.
    pub letters: Option<&'a DeadLetters>,
    /// Where records are shown, while somebody is looking at them.
    pub ring: Option<&'a Ring>,
    /// Whether the request carries the service key; delivery events and control records need it.
    pub trusted: bool,
    /// The tenant's standing: under pressure, less important records are shed.
    pub standing: Standing,
    /// The quotas of single sessions.
    pub talkers: &'a Talkers,
    /// Who sent the request.
    pub about: About<'a>,
    /// A rule that the request as a whole breaks, and what was sent.
    pub came: Option<(Rule, &'static str)>,
}

impl<'a> Context<'a> {
    /// The context of a request without pressure, from an unknown sender, while nobody looks at
    /// records: for tests and benchmarks of parsers.
    pub fn calm(tenant: &'a str, received_at: i64, talkers: &'a Talkers) -> Self {
        Self {
            tenant,
            received_at,
            max_records: usize::MAX,
            letters: None,
            ring: None,
            trusted: false,
            standing: Standing::CALM,
            talkers,
            about: About::default(),
            came: None,
        }
    }
}

/// The hash bucket of a session, by which sessions are thinned: always the same.
pub fn lot(tenant: &str, name: &str) -> u16 {
    lot_of(ident::hash(tenant, name))
}

/// The [`lot`] of a session by its hash.
pub fn lot_of(hash: u64) -> u16 {
    // The upper bits; the lower ones choose the partition.
    (hash >> 48) as u16
}

/// A body without the byte-order mark that some Windows tools start a file with.
pub(crate) fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The lines of a body that are records: separated by LF; blank lines are not records.
pub fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = unmarked(body);
    let mut from = 0;
    let line = move |end: usize| &body[std::mem::replace(&mut from, end + 1)..end];
    let ends = memchr_iter(b'\n', body).chain([body.len()]);
    ends.map(line).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_are_what_stands_between_ends() {
        for body in ["", "\n", "a", "a\n", "\na", "a\nb", "a\r\n\n \n b \n\n", "\u{feff}a\nb\n"] {
            let plain = body.trim_start_matches('\u{feff}').split('\n').map(str::trim);
            let plain: Vec<_> = plain.filter(|line| !line.is_empty()).map(str::as_bytes).collect();
            assert_eq!(lines(body.as_bytes()).collect::<Vec<_>>(), plain, "{body:?}");
        }
    }
}
