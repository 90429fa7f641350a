//! The processor's lives: its start, its end in order, and damage to its snapshots between them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rand::Rng;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record::EVENTS;
use tallylight_stream_processor::archive;

use super::World;
use crate::VIEWERS;
use crate::chaos::Process;
use crate::life::{Life, Setup};
use crate::log::SimLog;

impl World<'_> {
    pub(crate) async fn start_processor(&mut self) {
        self.chaos.starts(Process::Processor);
        self.damage();
        let chaos = Arc::clone(&self.chaos);
        let setup = Setup {
            dir: self.dir.path(),
            log: SimLog::new(Arc::clone(&self.log), Arc::clone(&chaos), Process::Processor),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            faults: Some(chaos),
        };
        let rows = self.rng.random_range(1..800 * u64::from(scale(self.senders.len())));
        let settings = archive::Settings {
            checkpoint_s: 3_600,
            snapshot_s: if self.careful || self.rng.random_bool(0.7) { 0 } else { 3_600 },
            // Losses are checked from a snapshot that holds everything read before them.
            snapshot_sessions: if !self.careful && self.rng.random_bool(0.5) {
                5
            } else {
                1_000_000
            },
            // Only the clock of the world decides what happens when.
            snapshot_pause: 0,
            checkpoint_rows: if self.careful { 1 } else { rows },
            retry_s: 0,
            // Files are tended by real time, which must not change a run.
            tend_s: 86_400,
            ..Default::default()
        };
        let life = Life::start(setup, settings).await;
        self.chaos.lives(Process::Processor, life.running.abort_handle(), 1);
        self.life = Some(life);
    }

    /// Damages the newest snapshot now and then, as a disk may.
    fn damage(&mut self) {
        let Some(newest) = self
            .snapshots()
            .last()
            .cloned()
            .filter(|_| self.rng.random_bool(0.15) && self.chaos.given_up() == 0)
        else {
            return;
        };
        let mut bytes = fs::read(&newest).unwrap();
        let middle = bytes.len() / 2;
        match bytes.get_mut(middle) {
            Some(byte) if self.rng.random_bool(0.5) => *byte ^= 1,
            // A snapshot ahead of the position read stays the newest, and may be truncated
            // repeatedly.
            _ => bytes.truncate(middle),
        }
        fs::write(&newest, bytes).unwrap();
        self.chaos.note("the newest snapshot is damaged");
    }

    /// The files of snapshots, oldest first.
    fn snapshots(&self) -> Vec<PathBuf> {
        let Ok(all) = fs::read_dir(self.dir.path().join("snapshots")) else { return Vec::new() };
        let all = all.map(|entry| entry.unwrap().path());
        let mut all: Vec<PathBuf> =
            all.filter(|at| at.extension().is_some_and(|to| to == "snap")).collect();
        all.sort();
        all
    }

    /// Ends the processor in order, with everything that it has read in a snapshot.
    pub(crate) async fn stop_processor(&mut self) {
        self.chaos.switch(false);
        self.careful = true;
        self.chaos.kill(Process::Processor);
        self.quiet().await;
        let head = |log: &dyn EventLog| *log.head(EVENTS).unwrap().borrow();
        for _ in 0..20 {
            self.tick(1_000).await;
            let name = format!("{:020}.snap", head(self.log.as_ref()));
            if self.snapshots().last().is_some_and(|newest| newest.ends_with(&name)) {
                break;
            }
        }
        self.careful = false;
        self.life.take().unwrap().stop().await;
        self.chaos.kill(Process::Processor);
    }
}

/// How much rarer calls fail and checkpoints are made than in a run of [`VIEWERS`]. A processor
/// that dies continues from its snapshot, which is of an end of a second: more viewers append more
/// entries in a second, and if its lives were not longer, it would never reach the next snapshot.
pub(super) fn scale(senders: usize) -> u32 {
    u32::try_from(senders / VIEWERS).unwrap_or(u32::MAX).max(1)
}
