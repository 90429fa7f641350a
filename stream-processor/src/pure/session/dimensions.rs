//! Where a session is, in the words that it is broken down by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fact::Said;
use super::words::Words;

/// The dimensions of a session, carried forward until something else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Content id.
    pub content: Option<Arc<str>>,
    /// Edge.
    pub edge: Option<Arc<str>>,
    /// Pipeline.
    pub pipeline: Option<Arc<str>>,
    /// Bitrate, kbps; 0 is unknown.
    pub kbps: i32,
    /// Country.
    pub country: Option<Arc<str>>,
    /// Device.
    pub device: Option<Arc<str>>,
    /// Operating system.
    pub os: Option<Arc<str>>,
    /// Player and its version.
    pub player: Option<Arc<str>>,
    /// Autonomous system of the network.
    pub asn: Option<u32>,
}

impl Dimensions {
    /// Whether something is said that is not so here.
    pub(super) fn are_moved_by(&self, said: &Said) -> bool {
        let moves =
            |mine: &Option<Arc<str>>, theirs: &Option<Arc<str>>| theirs.is_some() && mine != theirs;
        moves(&self.content, &said.content)
            || moves(&self.country, &said.country)
            || moves(&self.device, &said.device)
            || moves(&self.os, &said.os)
            || moves(&self.player, &said.player)
            || moves(&self.edge, &said.edge)
            || moves(&self.pipeline, &said.pipeline)
            || (said.asn.is_some() && self.asn != said.asn)
    }

    fn share(&mut self, words: &mut Words) {
        for word in [
            &mut self.content,
            &mut self.edge,
            &mut self.pipeline,
            &mut self.country,
            &mut self.device,
            &mut self.os,
            &mut self.player,
        ] {
            words.replace(word);
        }
    }
}

/// Shares the words of dimensions out of a snapshot, and the whole where `other` has the same.
pub(super) fn share(own: &mut Arc<Dimensions>, other: &Arc<Dimensions>, words: &mut Words) {
    if own == other {
        *own = Arc::clone(other);
    } else {
        Arc::make_mut(own).share(words);
    }
}
