//! The queues (lines) in which large bodies wait to be inflated and decoded.

use std::time::Duration;

use axum::body::Body;
use hyper::body::Body as _;
use tokio::sync::SemaphorePermit;

use super::turns::{Behind, Turns};
use super::{Caller, SMALL_BYTES};
use crate::decode::inflate::Encoding;
use crate::settings::Settings;

/// Compressed bodies up to this many bytes are light. They can still inflate a hundredfold, since
/// records resemble one another.
const LIGHT_BYTES: u64 = 1 << 10;

/// Bodies above this many bytes are not received while their line is slow.
const LONG_BYTES: u64 = 64 << 10;

/// A line is slow when a new body would wait longer than this.
const PATIENCE: Duration = Duration::from_millis(500);

/// How a body is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Front to back, one record at a time.
    Records,
    /// As a whole, into something much larger in memory: always by turns.
    Whole,
}

/// Where large bodies wait, by cost. Brotli has a line of its own: its decoder fills a whole window
/// before it produces output, so the cost of a few bytes is known only afterwards, and other bodies
/// should not wait behind it.
#[derive(Debug)]
pub struct Lines {
    plain: Turns,
    compressed: Turns,
    brotli: Turns,
}

/// What is known of a body before it is read.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// How it will be decoded.
    pub reading: Reading,
    /// How it is encoded.
    pub encoding: Encoding,
}

impl Kind {
    /// Whether it costs no more than the request itself: then it may have to wait, but is hardly
    /// ever refused.
    fn is_light(self, bytes: u64) -> bool {
        bytes <= if self.encoding == Encoding::Identity { SMALL_BYTES } else { LIGHT_BYTES }
    }

    fn needs_turn(self, bytes: u64) -> bool {
        let by_turns = self.reading == Reading::Whole || self.encoding == Encoding::Brotli;
        by_turns || !self.is_light(bytes)
    }
}

impl Lines {
    /// Plain bodies are decoded by as many at a time as there are cores, all others by one fewer.
    /// All lines together hold at most three quarters of the memory for bodies, which leaves some
    /// for small ones.
    pub(super) fn new(settings: &Settings, cores: usize) -> Self {
        let turns = |at_once| Turns::new(at_once, PATIENCE, settings.receiving_bytes / 4);
        let all_but_one = cores.saturating_sub(1).max(1);
        Self { plain: turns(cores), compressed: turns(all_but_one), brotli: turns(all_but_one) }
    }

    /// A turn to inflate and decode a body, if it needs one, to be held until that is done.
    pub async fn turn(
        &self,
        caller: &Caller,
        kind: Kind,
        bytes: usize,
    ) -> Result<Option<SemaphorePermit<'_>>, Behind> {
        if !kind.needs_turn(bytes as u64) {
            return Ok(None);
        }
        let is_light = kind.is_light(bytes as u64);
        self.of(kind).take(&caller.tenant, bytes, is_light).await.map(Some)
    }

    /// Whether to receive a body of this announced length, as its line has room. Short bodies and
    /// those of unknown length are received first and checked afterwards.
    pub fn has_room(&self, caller: &Caller, kind: Kind, body: &Body) -> Result<(), Behind> {
        match body.size_hint().upper() {
            Some(bytes) if bytes > LONG_BYTES => {
                self.of(kind).has_room(&caller.tenant, usize::try_from(bytes).unwrap_or(usize::MAX))
            }
            _ => Ok(()),
        }
    }

    fn of(&self, kind: Kind) -> &Turns {
        match (kind.reading, kind.encoding) {
            (_, Encoding::Brotli) => &self.brotli,
            (Reading::Records, Encoding::Identity) => &self.plain,
            _ => &self.compressed,
        }
    }
}
