//! The ground truth: what really happened in each session, one JSON line each, written by
//! the player itself and never by way of a beacon.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Saw pictures and left.
    Played,
    /// Left before the first picture.
    ExitBeforeStart,
    /// An error before the first picture.
    StartFailed,
    /// An error after the first picture.
    Failed,
}

/// A still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// When it began, Unix ms.
    pub at_ms: i64,
    /// How long it lasted, ms.
    pub ms: i64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Session id.
    pub sid: String,
    /// Device it claimed.
    pub device: String,
    /// Country it claimed.
    pub country: String,
    /// Play pressed, Unix ms.
    pub started_at_ms: i64,
    /// Play to first picture, ms.
    pub startup_ms: Option<i64>,
    /// Stalls after the first picture, in order.
    pub stalls: Vec<Stall>,
    /// Time with moving pictures, ms.
    pub playing_ms: i64,
    /// Media bytes received.
    pub bytes: u64,
    /// Media requests answered 200.
    pub segments: u64,
    /// Slate segments among them.
    pub slates: u64,
    /// Requests that failed (status or connection).
    pub request_errors: u64,
    /// When it ended, Unix ms.
    pub ended_at_ms: i64,
    /// How it ended.
    pub ended: Ended,
    /// Beacon records made.
    pub beacons: u64,
    /// Beacon records that were never acknowledged.
    pub beacons_lost: u64,
}

/// An open ledger; without a path it keeps nothing.
#[derive(Debug)]
pub struct Ledger(Option<Mutex<BufWriter<File>>>);

impl Ledger {
    /// Opens the file at `path` and writes on at its end: a restarted audience keeps the truth
    /// that the one before it wrote.
    pub fn open(path: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self(match path {
            Some(path) => {
                let file = File::options().create(true).append(true).open(path)?;
                Some(Mutex::new(BufWriter::new(file)))
            }
            None => None,
        }))
    }

    /// Writes a session down, flushed, so that a killed audience loses none that ended.
    pub fn write(&self, entry: &Entry) -> std::io::Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *file, entry)?;
        file.write_all(b"\n")?;
        file.flush()
    }
}
