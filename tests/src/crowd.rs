//! An audience beside a running world, and what its ledger says about which viewer asked which
//! edge. Nothing here knows what steering decided: only requests that were really sent are counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tallylight_audience::ledger::{self, Entry, Request, Why};

use crate::world::World;

/// Viewers that stay until the crowd leaves.
#[derive(Debug)]
pub struct Crowd {
    process: Child,
    file: PathBuf,
}

impl Crowd {
    /// Starts `viewers` that arrive within the first seconds and stay.
    pub fn start(world: &World, viewers: usize, name: &str) -> Self {
        let file = world.data.path().join(format!("{name}.jsonl"));
        let process = world
            .command()
            .args(["audience", "--viewers", &viewers.to_string(), "--duration", "900"])
            .args(["--bad-starts", "0", "--stalls", "0", "--requests", "--ledger"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("start an audience");
        Self { process, file }
    }

    /// Lets everybody leave and returns what happened to them.
    pub async fn leave(mut self) -> CrowdLedger {
        self.signal(Signal::SIGTERM);
        for _ in 0..400 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let text = std::fs::read_to_string(&self.file).expect("the ledger");
        CrowdLedger { entries: ledger::read(&text) }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).expect("a pid");
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
