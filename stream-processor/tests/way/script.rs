//! Random sessions.

use proptest::prelude::*;

use crate::world::{Beacon, Item, served};

const STATES: [Option<&str>; 16] = [
    Some("s"),
    Some("p"),
    Some("p"),
    Some("p"),
    Some("p"),
    Some("r"),
    Some("r"),
    Some("w"),
    Some("k"),
    Some("k"),
    Some("a"),
    Some("d"),
    Some("e"),
    Some("f"),
    Some("q"),
    None,
];

#[derive(Debug, Clone)]
struct Step {
    after: i64,
    state: usize,
    br: usize,
    cid: usize,
    device: usize,
    error: bool,
    edge: usize,
    mtp: usize,
    lb: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![Just(0), 1_i64..400, 400_i64..6_000];
    let keys = (0..8_usize, 0..12_usize, 0..12_usize, 0..8_usize, 0..6_usize);
    (after, 0..STATES.len(), keys, 0..20_u8, 0..4_usize).prop_map(
        |(after, state, (br, cid, device, mtp, lb), error, edge)| Step {
            after,
            state,
            br,
            cid,
            device,
            error: error == 0,
            edge,
            mtp,
            lb,
        },
    )
}

/// The records of a few sessions, in order of time, fewer than `length` per session.
pub fn sessions(length: usize) -> impl Strategy<Value = Vec<Item>> {
    let one = (0_i64..3_000, prop::collection::vec(step(), 1..length));
    prop::collection::vec(one, 1..4).prop_map(|sessions| {
        let mut items = Vec::new();
        let mut seq = 0;
        for (i, (start, steps)) in sessions.into_iter().enumerate() {
            let (mut at, sid) = (start, format!("s{i}"));
            for (sn, step) in steps.into_iter().enumerate() {
                at += step.after;
                // Ends are rare in practice; here half of them become playing.
                let ends = (12..15).contains(&step.state) && step.br < 4;
                let sta = if ends { Some("p") } else { STATES[step.state] };
                items.push(Item::Beacon(Beacon {
                    sid: sid.clone(),
                    ts: at,
                    sn: sn as u64,
                    e: if step.error { "e" } else { "ps" },
                    sta,
                    br: [None, None, None, None, None, Some(300), Some(600), Some(1_200)][step.br],
                    mtp: [None, None, None, None, Some(0), Some(450), Some(450), Some(2_000)]
                        [step.mtp],
                    lb: [64, 300, 600].get(step.lb).copied(),
                    ltc: (step.br == 2).then_some(4_000 + at % 1_000),
                    cid: [Some("demo"), Some("news")].get(step.cid).copied().flatten(),
                    device: [Some("tv"), Some("phone")].get(step.device).copied().flatten(),
                    delay: 100,
                    ..Beacon::default()
                }));
                if let Some((edge, pipeline)) = [("e1", "A"), ("e1", "slate")].get(step.edge) {
                    items.push(Item::Served(served(
                        &sid,
                        seq,
                        at + 1 + step.after / 2 % 50,
                        edge,
                        pipeline,
                    )));
                    seq += 1;
                }
            }
        }
        items.sort_by_key(Item::at);
        items
    })
}
