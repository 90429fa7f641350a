//! An audience in its steady state: each session has started, plays, and has reported every 30 s,
//! CMCD's default interval, for some minutes. So the reorder buffers are as full as they get.

use tallylight_schemas::ident;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::read::Partitions;

use crate::bench::sample;

/// The tenant of the sessions.
pub(super) const TENANT: &str = "demo";
/// Time between two reports of a session, ms.
const INTERVAL_MS: i64 = 30_000;
/// Reports of a session: the first two are its start.
const ROUNDS: i64 = 10;

/// The values of the dimensions that sessions of the trace have.
struct Words {
    contents: Vec<String>,
    countries: Vec<String>,
    devices: Vec<String>,
    systems: Vec<String>,
    players: Vec<String>,
}

impl Words {
    fn new() -> Self {
        let words = |count: usize, what: &str| (0..count).map(|n| format!("{what}-{n}")).collect();
        Self {
            contents: words(50, "live-event"),
            countries: words(60, "C"),
            devices: words(40, "device-model"),
            systems: words(20, "system"),
            players: words(20, "player 1.2"),
        }
    }
}

/// Feeds the trace of this many sessions to `state`; returns the number of records.
pub(super) fn feed(state: &mut Partitions, sessions: usize) -> anyhow::Result<usize> {
    let words = Words::new();
    let mut sids = vec![String::new(); sample::ROWS];
    let mut offset = 0;
    for round in 0..ROUNDS {
        for first in (0..sessions).step_by(sample::ROWS) {
            let count = sample::ROWS.min(sessions - first);
            for (n, sid) in (first..).zip(&mut sids[..count]) {
                *sid = format!("6b1f0d3e-5a0c-4c0e-9e57-{n:012x}");
            }
            let within = i64::try_from(first * INTERVAL_MS as usize / sessions)?;
            let ts = sample::BEGAN_MS + round * INTERVAL_MS + within;
            let inputs = (first..).zip(&sids[..count]);
            let inputs = inputs.map(|(n, sid)| input(&words, sid, n, round, ts)).collect();
            entry(state, offset, ts, inputs);
            offset += 1;
        }
    }
    Ok(sessions * usize::try_from(ROUNDS)?)
}

/// One entry of the log, each record in its partition.
fn entry(state: &mut Partitions, offset: u64, ts: i64, inputs: Vec<PlayerInput<'_>>) {
    let mut parts: Vec<Vec<PlayerInput<'_>>> = Vec::new();
    parts.resize_with(usize::from(sample::PARTITIONS), Vec::new);
    for input in inputs {
        let at = ident::partition(input.tenant, input.sid, sample::PARTITIONS);
        parts[usize::from(at)].push(input);
    }
    for (partition, inputs) in (0..).zip(&parts) {
        state.feed(partition, offset, (ts + 50) * 1_000, inputs);
    }
}

fn input<'a>(words: &'a Words, sid: &'a str, n: usize, round: i64, ts: i64) -> PlayerInput<'a> {
    // Spread out, so that neighbouring sessions differ.
    let word = |of: &'a [String], step: usize| Some(of[(n / step + n) % of.len()].as_str());
    PlayerInput {
        tenant: TENANT,
        sid,
        received_ms: ts + 50,
        ts: Some(ts),
        sn: Some(round.unsigned_abs()),
        digest: n as u64,
        e: Some(if round < 2 { "ps" } else { "t" }),
        sta: Some(if round == 0 { "s" } else { "p" }),
        cid: word(&words.contents, 7),
        br_kbps: Some([500, 300, 150][n % 3]),
        mtp_kbps: Some(18_200),
        ltc_ms: Some(6_400),
        country: word(&words.countries, 11),
        device: word(&words.devices, 13),
        os: word(&words.systems, 17),
        player: word(&words.players, 19),
        asn: u32::try_from(n % 200).ok(),
        ..PlayerInput::default()
    }
}
