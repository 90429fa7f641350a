//! The packager: takes init segments and fragments from a source (live encoder or loop), passes
//! on only those that fit the schedule, and PUTs them to the origin with measured facts.
//!
//! A wrong fragment is not published but counted and reported: the origin then serves another
//! pipeline's copy or the slate, which is better than a segment that breaks a player. Nothing
//! here waits for the origin longer than a segment is useful, and every queue is bounded.

mod announce;
mod check;
mod input;
mod plan;
mod publish;
mod put;
mod track;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tallylight_schemas::clock::Clock;
use tallylight_schemas::grid::Grid;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::encoder::Faults;
use crate::ladder::Ladder;
use crate::mp4::Mp4Error;
use crate::report::Reporter;

pub use check::{Checked, Fault, check_fragment};
pub use input::{Fed, Input, InputFacts};
pub use plan::{Plan, TrackMedia};
pub use publish::{HttpPublish, Object, Publish, Unreachable};
pub use track::{Piece, TrackInput};

/// Pieces waiting per track. Each is useful for at most two segment durations, so a longer queue
/// would only hold late pieces; when it is full, the newest piece is dropped.
pub(crate) const QUEUE: usize = 4;

/// The stream and pipeline that the packager publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Stream name.
    pub stream: String,
    /// Pipeline name, such as `A`.
    pub pipeline: String,
    /// Segment schedule.
    pub grid: Grid,
    /// Video frames per second.
    pub fps: u32,
}

/// The packager's dependencies.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where objects are published.
    pub publish: Arc<dyn Publish>,
    /// Where each PUT is reported; `None` reports nothing.
    pub reporter: Option<Reporter>,
    /// The encoder's facts about its input.
    pub inputs: Arc<InputFacts>,
    /// The fault switches.
    pub faults: Arc<Faults>,
}

/// Why the packager gives up.
#[derive(Debug, thiserror::Error)]
pub enum PackagerError {
    /// The ladder that follows from the init segments is invalid.
    #[error("the ladder is wrong: {}", .0.join("; "))]
    Ladder(Vec<String>),
    /// An init segment or slate cannot be read.
    #[error("track {track}: {what} cannot be read: {source}")]
    Media {
        /// Track name.
        track: String,
        /// Which object.
        what: &'static str,
        /// Why.
        source: Mp4Error,
    },
    /// A slate does not fit the schedule.
    #[error("track {track}: slate: {why}")]
    Slate {
        /// Track name.
        track: String,
        /// Why.
        why: String,
    },
    /// The programme's init segment is not the one that was announced with the slate, so a
    /// player could not switch between them.
    #[error(
        "track {track}: the programme's init segment differs from the announced one; nothing was published"
    )]
    InitDiffers {
        /// Track name.
        track: String,
    },
    /// The origin refused an object that everything else needs.
    #[error("the origin refused {path} with status {status}")]
    Refused {
        /// Its path.
        path: String,
        /// HTTP status.
        status: u16,
    },
    /// A task ended by itself.
    #[error("a packager task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// The counts so far. Every segment taken is counted in exactly one of the segment counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Segments that the origin accepted.
    pub published: u64,
    /// Segments that failed a check.
    pub wrong: u64,
    /// Segments that the origin did not accept before their slate time.
    pub late: u64,
    /// Segments that the origin refused.
    pub refused: u64,
    /// Pieces dropped because a track's queue was full.
    pub dropped: u64,
    /// PUT attempts that had to be repeated.
    pub retries: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) published: AtomicU64,
    pub(crate) wrong: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) retries: AtomicU64,
    /// The origin did not answer last time, and that was logged.
    pub(crate) unreachable: AtomicBool,
}

/// Shared by the tasks of one packager.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) parts: Parts,
    pub(crate) plan: Plan,
    pub(crate) counters: Counters,
    pub(crate) announcing: tokio::sync::Mutex<()>,
}

/// A packager with its plan; see [`Packager::announce`] and [`Packager::start`].
#[derive(Debug, Clone)]
pub struct Packager {
    shared: Arc<Shared>,
}

impl Packager {
    /// Plans the ladder for `media`: tracks in this order, the best video first.
    pub fn new(
        config: Config,
        parts: Parts,
        media: Vec<TrackMedia>,
    ) -> Result<Self, PackagerError> {
        let plan = Plan::new(&config, media)?;
        let (counters, announcing) = (Counters::default(), tokio::sync::Mutex::new(()));
        Ok(Self { shared: Arc::new(Shared { config, parts, plan, counters, announcing }) })
    }

    /// The ladder as it is published.
    pub fn ladder(&self) -> &Ladder {
        &self.shared.plan.ladder
    }

    /// Publishes the ladder, the init segments and the slate, in this order; waits for the
    /// origin as long as it takes. `Ok(false)`: cancelled before it was done.
    pub async fn announce(&self, cancel: &CancellationToken) -> Result<bool, PackagerError> {
        announce::announce(&self.shared, cancel).await
    }

    /// Starts a task per track. The tasks end when their input is dropped.
    pub fn start(&self, cancel: &CancellationToken) -> (Vec<TrackInput>, Running) {
        let mut tasks = JoinSet::new();
        let mut inputs = Vec::new();
        for index in 0..self.ladder().tracks.len() {
            let (input, queue) = track::open(index, &self.shared);
            inputs.push(input);
            tasks.spawn(track::run(index, Arc::clone(&self.shared), queue, cancel.clone()));
        }
        (inputs, Running { tasks })
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        Counts {
            published: of(&counters.published),
            wrong: of(&counters.wrong),
            late: of(&counters.late),
            refused: of(&counters.refused),
            dropped: of(&counters.dropped),
            retries: of(&counters.retries),
        }
    }
}

/// The running tasks of a packager.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<Result<(), PackagerError>>,
}

impl Running {
    /// Waits until all tasks have ended; the first error ends the wait (and, with this value's
    /// drop, the other tasks).
    pub async fn wait(&mut self) -> Result<(), PackagerError> {
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
