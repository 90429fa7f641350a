//! Stretches of a session in one state and one set of dimensions, for the table
//! `session_spans`. They follow the facts that can no longer move, so each is said once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::session::SpanRow;

use super::dimensions::Dimensions;
use super::machine::{Doing, Machine};
use super::report::Playback;
use super::words::Words;

/// A stretch that is over. Times are Unix ms.
#[derive(Debug, Clone)]
pub struct Stretch {
    doing: Doing,
    from: i64,
    to: i64,
    dimensions: Arc<Dimensions>,
}

impl Stretch {
    /// The row of the table.
    pub(super) fn row(self, of: Playback<'_>, words: &Words) -> SpanRow {
        let text = |word| words.owned(word);
        let here = &self.dimensions;
        SpanRow {
            tenant: of.tenant.to_owned(),
            sid: of.sid.to_owned(),
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
        }
    }
}

/// The stretch that goes on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Going {
    since: i64,
    doing: Option<Doing>,
    pub(super) dimensions: Arc<Dimensions>,
}

impl Going {
    /// Follows a machine that has just taken in a fact of time `at`; `moved` says that the fact
    /// changed its dimensions.
    pub(super) fn follow(
        &mut self,
        machine: &Machine,
        at: i64,
        moved: bool,
        over: &mut Vec<Stretch>,
    ) {
        let doing = machine.doing();
        if doing == self.doing && !moved {
            return;
        }
        self.end(at, over);
        self.since = at;
        self.doing = doing;
        self.dimensions.clone_from(machine.dimensions());
    }

    /// Ends it at `at`.
    pub(super) fn end(&mut self, at: i64, over: &mut Vec<Stretch>) {
        let (from, dimensions) = (self.since, Arc::clone(&self.dimensions));
        if let Some(doing) = self.doing.take()
            && at > from
        {
            over.push(Stretch { doing, from, to: at, dimensions });
        }
    }
}
