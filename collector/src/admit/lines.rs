//! The lines in which large bodies wait to be inflated and decoded.

use std::time::Duration;

use axum::body::Body;
use hyper::body::Body as _;
use tokio::sync::SemaphorePermit;

use super::turns::{Behind, Turns};
use super::{Caller, SMALL_BYTES};
use crate::decode::inflate::Encoding;

/// Compressed bodies above this many bytes are inflated in turn, all but one core of them at a time:
/// records that resemble one another grow a hundredfold.
/// Brotli has turns of its own, of any size: its decoder fills a whole window before it says a word,
/// so what a few bytes cost is known only when it is over, and others need not wait behind it.
const HEAVY_BYTES: u64 = 1 << 10;

/// Bodies above this many bytes are not kept while the line that they would join is slow.
const LONG_BYTES: u64 = 64 << 10;

/// Nobody is let into a line of large bodies who would wait longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where large bodies wait, by what they cost.
#[derive(Debug)]
pub struct Lines {
    plain: Turns,
    compressed: Turns,
    brotli: Turns,
}

impl Lines {
    pub(super) fn new(cores: usize) -> Self {
        let all_but_one = cores.saturating_sub(1).max(1);
        Self {
            plain: Turns::new(cores, PATIENCE),
            compressed: Turns::new(all_but_one, PATIENCE),
            brotli: Turns::new(all_but_one, PATIENCE),
        }
    }

    /// A turn to inflate and decode a body, if it needs one; to be held while it is taken.
    pub async fn turn(
        &self,
        caller: &Caller,
        encoding: Encoding,
        bytes: usize,
    ) -> Result<Option<SemaphorePermit<'_>>, Behind> {
        match self.of(encoding, bytes as u64) {
            Some(turns) => turns.take(&caller.tenant).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether it is worth while to keep a body of which this is announced: there will be a turn for
    /// it, or it is so short that this may be asked once it is there.
    pub fn has_room(&self, caller: &Caller, encoding: Encoding, body: &Body) -> Result<(), Behind> {
        let bytes = body.size_hint().upper().unwrap_or(u64::MAX);
        match self.of(encoding, bytes) {
            Some(turns) if bytes > LONG_BYTES => turns.has_room(&caller.tenant),
            _ => Ok(()),
        }
    }

    /// A turn to take a body that is much larger in memory than as sent.
    pub async fn heavy(&self, caller: &Caller) -> Result<SemaphorePermit<'_>, Behind> {
        self.compressed.take(&caller.tenant).await
    }

    fn of(&self, encoding: Encoding, bytes: u64) -> Option<&Turns> {
        match encoding {
            Encoding::Brotli => Some(&self.brotli),
            Encoding::Identity => (bytes > SMALL_BYTES).then_some(&self.plain),
            Encoding::Gzip | Encoding::Deflate | Encoding::Zstd => {
                (bytes > HEAVY_BYTES).then_some(&self.compressed)
            }
        }
    }
}
