//! Scripted edges: the segments that they serve to the players, their reports of that, and the
//! truth about it.

use rand::Rng;
use rand::rngs::StdRng;

use crate::player::{Player, Record, T0};

/// The edges of a run.
const EDGES: [&str; 2] = ["e1", "e2"];
/// Requests for each viewer.
const REQUESTS: usize = 2;

/// A request as it really was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Body bytes.
    pub bytes: i64,
    /// Whether it was refused.
    pub error: bool,
    /// Whether it was a cache hit.
    pub hit: bool,
    /// Time to the first byte, without the time it was held, ms.
    pub ttfb_ms: i64,
}

/// An edge.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// Its name.
    pub edge: &'static str,
    /// Its reports, in order of time.
    pub records: Vec<Record>,
    /// The requests that they report.
    pub requests: Vec<Request>,
}

/// A moment at which a player needs a segment (ms after [`T0`]), and the player.
type Need<'a> = (i64, &'a Player);

impl Reporter {
    /// Its name as the source of reports.
    pub fn source(&self) -> String {
        format!("edge-{}", self.edge)
    }

    /// All edges of a run, at random. A player is served while it plays.
    pub fn all(players: &[Player], rng: &mut StdRng) -> Vec<Self> {
        let mut needs: Vec<Need<'_>> = (0..players.len() * REQUESTS)
            .map(|_| {
                let player = &players[rng.random_range(0..players.len())];
                (need(player, rng), player)
            })
            .collect();
        needs.sort_by_key(|(at, _)| *at);
        let new = |edge| Self { edge, records: Vec::new(), requests: Vec::new() };
        let mut all = EDGES.map(new).to_vec();
        for need in needs {
            let edge = rng.random_range(0..all.len());
            all[edge].serve(need, rng);
        }
        all
    }

    fn serve(&mut self, (at, player): Need<'_>, rng: &mut StdRng) {
        let (error, hit) = (rng.random_range(0..10) == 0, rng.random_bool(0.6));
        let request = Request {
            bytes: if error { 0 } else { rng.random_range(10_000..900_000) },
            error,
            hit,
            ttfb_ms: rng.random_range(1..900),
        };
        let (edge, seq, held) = (self.edge, self.records.len(), rng.random_range(0..500));
        let line = format!(
            "{{\"type\":\"delivery\",\"source\":\"{}\",\"boot\":1,\"seq\":{seq},\"ts\":{},\"service\":\"edge\",\
             \"action\":\"get\",\"stream\":\"demo\",\"track\":\"v-360\",\"k\":{},\"status\":{},\"bytes\":{},\
             \"ttfb_us\":{},\"held_us\":{},\"hit\":{hit},\"edge\":\"{edge}\",\"pipeline\":\"A\",\"sid\":\"{}\"}}",
            self.source(),
            (T0 + at) * 1_000,
            // Not every player is at the live edge.
            (T0 + at) / 2_000 - seq as i64 % 3,
            if error { 503 } else { 200 },
            request.bytes,
            (request.ttfb_ms + held) * 1_000,
            held * 1_000,
            player.sid,
        );
        self.records.push(Record { at, line, id: (0, seq as u64) });
        self.requests.push(request);
    }
}

/// A moment between two records of one playback.
fn need(player: &Player, rng: &mut StdRng) -> i64 {
    let pairs = player.records.windows(2).filter(|pair| pair[0].id.0 == pair[1].id.0);
    let pairs: Vec<(i64, i64)> = pairs.map(|pair| (pair[0].at, pair[1].at)).collect();
    let (from, to) = pairs[rng.random_range(0..pairs.len())];
    rng.random_range(from..=to)
}
