//! Players that only an edge reports.

use tallylight_eventlog::Part;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::player::{About, Envelope, REPORTED};

use super::*;
use crate::players::Players;

/// Requests of older players, any of which may be reported late: the edge states their times.
pub(super) fn requests(
    rng: &mut StdRng,
    sessions: i64,
    mut late: impl FnMut(&mut StdRng) -> i64,
) -> Vec<Fact> {
    let mut out = Vec::new();
    for session in 0..sessions {
        let mut at = rng.random_range(0..2 * HOUR_MS);
        for _ in 0..rng.random_range(3..12) {
            let keys = ["su", "bs,su", "bl=2000", "bl=4000", "pr=0"][rng.random_range(0..5)];
            // Some number their requests, as players of version 2 do.
            let number =
                if session % 2 == 0 { format!(",sn={}", out.len()) } else { String::new() };
            let line = format!("br=300,cid=\"demo\",ot=v,sid=\"older-{session}\",{keys}{number}");
            out.push(Fact::Reported(line, at, at + 100 + late(rng)));
            at += rng.random_range(300..20_000);
        }
    }
    out
}

/// A request that an edge reports, served at `served_at`.
pub(super) fn reported_request(line: &str, served_at: i64) -> Part {
    let mut all = Players::new(4);
    let mut record = cmcd::parse(line, Mode::Request).unwrap();
    record.set_apart(served_at.unsigned_abs());
    let (mode, about) = (Mode::Request, About::default());
    let envelope =
        Envelope { tenant: "demo", mode, source: REPORTED[0], received_at: served_at, about };
    all.push(&envelope, &record);
    all.part()
}
