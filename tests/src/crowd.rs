//! An audience beside a running world, and what its ledger says about which viewer asked which
//! edge. Nothing here knows what steering decided: only requests that were really sent are counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tallylight_audience::ledger::{Entry, Request, Why};

use crate::world::World;

/// How long an audience may take to end: half a minute until viewers leave by their script, and a
/// minute in which each delivers its last beacons.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

/// Viewers that stay until the crowd leaves, or until their script is over.
#[derive(Debug)]
pub struct Crowd {
    process: Child,
    file: PathBuf,
}

impl Crowd {
    /// Starts `viewers` that arrive within the first seconds and stay; their script lasts this many
    /// seconds.
    pub fn start(world: &World, viewers: usize, seconds: u64, name: &str) -> Self {
        let file = world.data.path().join(format!("{name}.jsonl"));
        let process = world
            .command()
            .args(["audience", "--viewers", &viewers.to_string()])
            .args(["--duration", &seconds.to_string()])
            .args(["--bad-starts", "0", "--stalls", "0", "--requests", "--ledger"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("start an audience");
        Self { process, file }
    }

    /// Lets everybody leave and returns what happened to them.
    pub async fn leave(self) -> CrowdLedger {
        let pid = i32::try_from(self.process.id()).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("an audience");
        self.over().await
    }

    /// Waits until everybody has left by the script and returns what happened to them.
    pub async fn over(mut self) -> CrowdLedger {
        let deadline = Instant::now() + ENDS_WITHIN;
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("the audience") {
                break status;
            }
            assert!(Instant::now() < deadline, "the audience does not end");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert!(status.success(), "the audience: {status}");
        CrowdLedger { entries: read_ledger(&self.file) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The sessions in the ledger of an audience that has ended: every line must be whole.
pub fn read_ledger(file: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(file).expect("the ledger");
    let entry =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(entry).collect()
}

/// The time as the ledger writes it, Unix ms.
#[allow(clippy::disallowed_methods, reason = "to be compared with a ledger of real time")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a clock before the end of time")
}

/// The ledger of a crowd.
#[derive(Debug)]
pub struct CrowdLedger {
    /// Sessions.
    pub entries: Vec<Entry>,
}

/// The edge of a pathway: a capped pathway leads to the same edge.
fn edge_of(pathway: &str) -> &str {
    pathway.strip_suffix("-low").unwrap_or(pathway)
}

impl CrowdLedger {
    fn segments(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (&Entry, &Request)> {
        self.entries.iter().flat_map(move |entry| {
            let requests = entry.requests.iter();
            requests
                .filter(move |r| r.k.is_some() && (from_ms..to_ms).contains(&r.at_ms))
                .map(move |r| (entry, r))
        })
    }

    /// Segment requests sent in a span, by edge.
    pub fn by_edge(&self, from_ms: i64, to_ms: i64) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for (_, request) in self.segments(from_ms, to_ms) {
            *found.entry(edge_of(&request.pathway).to_owned()).or_default() += 1;
        }
        found
    }

    /// The share of the segment requests of a span that were sent to `edge`.
    pub fn share(&self, edge: &str, from_ms: i64, to_ms: i64) -> f64 {
        let by_edge = self.by_edge(from_ms, to_ms);
        let all: usize = by_edge.values().sum();
        assert!(all > 0, "no segment request in the span that is judged");
        *by_edge.get(edge).unwrap_or(&0) as f64 / all as f64
    }

    /// Sessions that requested a segment from `edge` in a span, and how many of them by a capped
    /// pathway.
    pub fn viewers(&self, edge: &str, from_ms: i64, to_ms: i64) -> (usize, usize) {
        let mut sids = BTreeMap::new();
        for (entry, request) in self.segments(from_ms, to_ms) {
            if edge_of(&request.pathway) == edge {
                *sids.entry(&entry.sid).or_insert(false) |= request.pathway.ends_with("-low");
            }
        }
        (sids.len(), sids.values().filter(|low| **low).count())
    }

    /// The shortest time between two steering moves of one viewer before `until_ms`, ms.
    pub fn shortest_between_moves(&self, until_ms: i64) -> Option<i64> {
        let gaps = self.entries.iter().flat_map(|entry| {
            let moves = entry.moves.iter().filter(|one| one.why == Why::Steering);
            let at: Vec<i64> = moves.map(|one| one.at_ms).filter(|at| *at < until_ms).collect();
            at.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
        });
        gaps.min()
    }

    /// Stalled time of all viewers in a span, ms.
    pub fn stalled_ms(&self, from_ms: i64, to_ms: i64) -> i64 {
        let stalls = self.entries.iter().flat_map(|entry| &entry.stalls);
        stalls.map(|s| ((s.at_ms + s.ms).min(to_ms) - s.at_ms.max(from_ms)).max(0)).sum()
    }

    /// Segment requests per second and edge around `at_ms`, for a failing test's message.
    pub fn around(&self, at_ms: i64, before_s: i64, after_s: i64) -> String {
        let line = |second: i64| {
            let from = at_ms + second * 1_000;
            format!("{second:>4} s {:?}\n", self.by_edge(from, from + 1_000))
        };
        (-before_s..after_s).map(line).collect()
    }
}
