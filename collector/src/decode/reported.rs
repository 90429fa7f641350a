//! The CMCD of a request, reported by the server that answered it: a record of the player itself,
//! as if the player had sent it here. So a player that sends its CMCD only to a CDN has a session
//! as well.
//!
//! The request itself is a delivery event with a fate; its CMCD is booked beside it, under a source
//! of its own. What cannot be read of it is dropped silently, as it was never sent to the
//! collector. Nor is it shown on the *Connect* page: its mistakes are not in anything that the
//! player sends here.

use tallylight_schemas::cmcd::{Key, Mode, Record, parse_into};
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ident;
use tallylight_schemas::player::{About, Envelope};

use super::{Context, Rows, lot_of};
use crate::fates::{Source, Tally};
use crate::pure::priority::Priority;

/// Longest CMCD that is read, bytes.
pub(crate) const CMCD_BYTES: usize = 4_096;

/// The CMCD of a request, and where it was reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportedCmcd<'a> {
    /// As the player wrote it, decoded.
    pub(super) text: &'a str,
    /// The source that it is booked under.
    pub(super) source: Source,
}

impl<'a> ReportedCmcd<'a> {
    /// Its record, if it can be read.
    pub(super) fn record(&self) -> Option<Record<'a>> {
        let mut record = Record::default();
        let fits = self.text.len() <= CMCD_BYTES;
        (fits && parse_into(self.text, Mode::Request, &mut record).is_ok()).then_some(record)
    }

    /// Stores the record as a row, or sheds it, for a request that is stored.
    pub(super) fn keep(
        &self,
        mut record: Record<'_>,
        of: &DeliveryEvent,
        context: Context<'_>,
        rows: &mut Rows,
        tally: &mut Tally,
    ) {
        let Context { tenant, received_at, standing, .. } = context;
        if record.sid().is_empty() {
            return;
        }
        let session = ident::hash(tenant, record.sid());
        if !standing.keeps_all() && !standing.keeps(Priority::Heartbeat, lot_of(session)) {
            return tally.beside(self.source, Fate::Shed, standing.cause);
        }
        if record.int(Key::Sn).is_none() && record.int(Key::Ts).is_none() {
            record.set_apart(request_digest(of));
        }
        let (mode, source) = (Mode::Request, self.source.as_str());
        // The reporter is not the viewer, and reports later. A time ahead of ours is limited to the
        // time of arrival.
        let (about, served_at) = (About::default(), of.ts.min(received_at));
        let envelope = Envelope { tenant, mode, source, received_at: served_at, about };
        if rows.push_player(&envelope, &record, session) {
            tally.beside(self.source, Fate::Accepted, Reason::None);
            tally.hold(self.text.len());
        }
    }
}

/// What distinguishes requests whose records are alike: a player requests a segment once if it gets
/// it, so another report of it is of the same request. Anything else it may request again.
fn request_digest(of: &DeliveryEvent) -> u64 {
    match of.k {
        Some(k) if of.status < 400 => ident::hash(&of.track, &k.to_string()),
        _ => ident::hash(&of.track, &format!("at {}", of.ts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(ts: i64, k: Option<u64>, status: u16, source: &str) -> DeliveryEvent {
        let event = serde_json::json!({
            "source": source, "boot": 1, "seq": 1, "ts": ts, "service": "edge", "action": "get",
            "stream": "demo", "track": "v-360", "k": k, "status": status, "bytes": 1,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_segment_that_two_tell_of_is_one_request_and_one_that_failed_is_asked_for_again() {
        let of = |ts, k, status| request_digest(&event(ts, k, status, "e1"));
        assert_eq!(of(1, Some(7), 200), request_digest(&event(900, Some(7), 206, "cdn")));
        assert_ne!(of(1, Some(7), 200), of(1, Some(8), 200));
        assert_ne!(of(1, Some(7), 503), of(900, Some(7), 503));
        assert_ne!(of(1, None, 200), of(900, None, 200), "a manifest");
    }

    #[test]
    fn what_is_no_record_of_a_session_is_none() {
        let record = |text: &str| ReportedCmcd { text, source: Source::Edge }.record().is_some();
        assert!(record(r#"sid="a",bl=2000"#));
        for text in
            ["", "bl=2000", "v=3,sid=\"a\"", &format!("sid=\"a\",nor=\"{}\"", "x".repeat(4_096))]
        {
            assert!(!record(text), "{text}");
        }
    }
}
