//! The ground truth: what really happened in each session, one JSON line per session, written
//! by the player itself and never derived from beacons.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use parking_lot::Mutex;
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

/// A stall: the picture was frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// When it began, Unix ms.
    pub at_ms: i64,
    /// How long it lasted, ms.
    pub ms: i64,
}

/// Why a session changed its pathway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The session began there.
    Start,
    /// Steering asked for it.
    Steering,
    /// The previous pathway failed.
    Failover,
}

/// A change of pathway: from then on, segments are requested from the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// When, Unix ms.
    pub at_ms: i64,
    /// The new pathway.
    pub to: String,
    /// The reason.
    pub why: Why,
}

/// A change of rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// When, Unix ms.
    pub at_ms: i64,
    /// The new bitrate.
    pub kbps: i64,
}

/// A media request, written as an array because there are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RequestRow", into = "RequestRow")]
pub struct Request {
    /// When it was sent, Unix ms.
    pub at_ms: i64,
    /// The pathway used.
    pub pathway: String,
    /// The track.
    pub track: String,
    /// The segment number; `None` for an init segment.
    pub k: Option<u64>,
    /// HTTP status; 0 without a complete answer.
    pub status: u16,
    /// How long it took, ms.
    pub took_ms: u64,
}

type RequestRow = (i64, String, String, Option<u64>, u16, u64);

impl From<RequestRow> for Request {
    fn from((at_ms, pathway, track, k, status, took_ms): RequestRow) -> Self {
        Self { at_ms, pathway, track, k, status, took_ms }
    }
}

impl From<Request> for RequestRow {
    fn from(r: Request) -> Self {
        (r.at_ms, r.pathway, r.track, r.k, r.status, r.took_ms)
    }
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
    /// Pathways, in order of time.
    #[serde(default)]
    pub moves: Vec<Move>,
    /// Rungs, in order of time.
    #[serde(default)]
    pub rungs: Vec<Rung>,
    /// Media requests that were over when it ended, if the setting `ledger_requests` is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
}

/// An open ledger; without a path it keeps nothing.
#[derive(Debug)]
pub struct Ledger(Option<Mutex<BufWriter<File>>>);

impl Ledger {
    /// Opens the file at `path` for appending: a restarted audience keeps the entries that its
    /// predecessor wrote.
    pub fn open(path: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self(match path {
            Some(path) => {
                let mut file = File::options().create(true).append(true).open(path)?;
                // A killed audience's unfinished line would corrupt the first session of this one.
                if file.metadata()?.len() > 0 && last_byte(path)? != b'\n' {
                    file.write_all(b"\n")?;
                }
                Some(Mutex::new(BufWriter::new(file)))
            }
            None => None,
        }))
    }

    /// Writes and flushes a session, so that a killed audience loses no session that ended.
    pub fn write(&self, entry: &Entry) -> std::io::Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        let mut file = file.lock();
        serde_json::to_writer(&mut *file, entry)?;
        file.write_all(b"\n")?;
        file.flush()
    }
}

fn last_byte(path: &Path) -> std::io::Result<u8> {
    let mut last = [0];
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sid: &str) -> Entry {
        let text = format!(
            r#"{{"sid":"{sid}","device":"tv","country":"US","started_at_ms":0,"startup_ms":null,
            "stalls":[],"playing_ms":0,"request_errors":0,"ended_at_ms":0,"ended":"played",
            "beacons":2,"beacons_lost":0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_unfinished_line_corrupts_no_other_session() {
        let path = std::env::temp_dir().join(format!("tallylight-{}.jsonl", uuid::Uuid::new_v4()));
        let add = |sid| Ledger::open(Some(&path)).unwrap().write(&entry(sid)).unwrap();
        add("a");
        add("b");
        let whole = std::fs::read_to_string(&path).unwrap();
        assert_eq!(whole.lines().count(), 2, "no line is left empty");
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        add("c");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let read: Vec<Option<Entry>> =
            text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(read, [Some(entry("a")), None, Some(entry("c"))]);
    }
}
