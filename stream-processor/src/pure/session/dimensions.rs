//! The dimensions of a session: the words that it is broken down by.

use serde::{Deserialize, Serialize};

use super::said::Said;
use super::words::Word;

/// The dimensions of a session, carried forward until another value is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Content id.
    pub content: Option<Word>,
    /// Edge.
    pub edge: Option<Word>,
    /// Pipeline.
    pub pipeline: Option<Word>,
    /// Bitrate, kbps; 0 is unknown.
    pub kbps: i32,
    /// Country.
    pub country: Option<Word>,
    /// Device.
    pub device: Option<Word>,
    /// Operating system.
    pub os: Option<Word>,
    /// Player and its version.
    pub player: Option<Word>,
    /// Autonomous system of the network.
    pub asn: Option<u32>,
}

impl Dimensions {
    /// The dimensions after `said`: words missing in it stay.
    pub(super) fn moved_by(mut self, said: &Said) -> Self {
        for (mine, theirs) in [
            (&mut self.content, said.content),
            (&mut self.country, said.country),
            (&mut self.device, said.device),
            (&mut self.os, said.os),
            (&mut self.player, said.player),
            (&mut self.edge, said.edge),
            (&mut self.pipeline, said.pipeline),
        ] {
            *mine = theirs.or(*mine);
        }
        self.asn = said.asn.or(self.asn);
        self
    }

    /// Every word in them.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        [self.content, self.edge, self.pipeline, self.country, self.device, self.os, self.player]
            .into_iter()
            .flatten()
    }
}
