//! Spans of a session in one state and one set of dimensions, for table `session_spans`. They
//! follow the facts that can no longer move, so each is written once.

use serde::{Deserialize, Serialize};
use tallylight_schemas::session::SpanRow;

use super::dimensions::Dimensions;
use super::machine::{Doing, Machine};
use super::report::Playback;
use super::words::Words;

/// A span that is over, or as it is now while it is open. Times are Unix ms.
#[derive(Debug, Clone)]
pub struct Span {
    doing: Doing,
    from: i64,
    to: i64,
    dimensions: Dimensions,
    open: bool,
}

impl Span {
    /// The row of the table.
    pub(super) fn row(self, of: Playback<'_>, words: &Words) -> SpanRow {
        let text = |word| words.owned(word);
        let here = &self.dimensions;
        SpanRow {
            tenant: of.tenant.to_owned(),
            sid: of.sid.text(),
            epoch: of.epoch,
            state: self.doing.as_str().to_owned(),
            from: self.from * 1_000,
            to: self.to * 1_000,
            cid: text(here.content),
            edge: text(here.edge),
            pipeline: text(here.pipeline),
            bitrate_kbps: (here.kbps > 0).then_some(i64::from(here.kbps)),
            country: text(here.country),
            os: text(here.os),
            player: text(here.player),
            asn: here.asn,
            device: text(here.device),
            open: Some(self.open),
        }
    }
}

/// The span that is open, in the dimensions that the session has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Going {
    since: i64,
    doing: Option<Doing>,
}

impl Going {
    /// Follows a machine that has just taken in a fact of time `at`, and had the dimensions
    /// `before`.
    pub(super) fn follow(
        &mut self,
        machine: &Machine,
        at: i64,
        before: Dimensions,
        over: &mut Vec<Span>,
    ) {
        let doing = machine.doing();
        if doing == self.doing && before == *machine.dimensions() {
            return;
        }
        self.end(at, before, over);
        self.since = at;
        self.doing = doing;
    }

    /// The open span as it is now, of a session last seen at `at`; also one that has just begun.
    pub(super) fn as_now(&self, at: i64, dimensions: Dimensions) -> Option<Span> {
        let (doing, from) = (self.doing?, self.since);
        Some(Span { doing, from, to: at.max(from), dimensions, open: true })
    }

    /// Ends it at `at`.
    pub(super) fn end(&mut self, at: i64, dimensions: Dimensions, over: &mut Vec<Span>) {
        let from = self.since;
        if let Some(doing) = self.doing.take()
            && at > from
        {
            over.push(Span { doing, from, to: at, dimensions, open: false });
        }
    }
}
