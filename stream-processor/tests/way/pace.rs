//! How fast a partition is: `cargo test --release --locked --workspace --test way -- --ignored
//! --nocapture pace`. The figure of record is `tallylight bench window`.

use std::time::Instant;

use tallylight_schemas::rows::Cuboid;
use tallylight_stream_processor::pure::input::PlayerInput;

use crate::world::{Beacon, T0, World};

#[test]
#[ignore = "a measurement, not a test"]
fn pace() {
    let viewers = 5_000_i64;
    let sids: Vec<String> = (0..viewers).map(|i| format!("viewer-{i}")).collect();
    let mut world = World::default();
    let (mut spent, mut events) = (std::time::Duration::ZERO, 0_u64);
    for second in 0..120_i64 {
        let beacons: Vec<Beacon> = (0..viewers)
            .map(|i| Beacon {
                sid: sids[i as usize].clone(),
                ts: second * 1_000 + i % 900,
                sn: second as u64,
                e: "ps",
                sta: Some(["s", "p", "r", "p"][(second % 4) as usize]),
                br: Some([300, 600, 1_200][((second / 8 + i) % 3) as usize]),
                cid: Some("demo"),
                device: Some(["tv", "phone", "web"][(i % 3) as usize]),
                delay: 50,
                ..Beacon::default()
            })
            .collect();
        let inputs: Vec<PlayerInput<'_>> = beacons.iter().map(Beacon::input).collect();
        let begun = Instant::now();
        for (i, chunk) in inputs.chunks(500).enumerate() {
            let at = (T0 + second * 1_000 + 1_000 + i as i64 * 50) * 1_000;
            let rows = world.state.feed(world.next, at, chunk);
            world.next += 1;
            world.book.take(rows.topic);
        }
        spent += begun.elapsed();
        events += inputs.len() as u64;
    }
    let each = spent.as_nanos() as u64 / events;
    eprintln!("{events} events, {each} ns each, {:?}", world.state.size());
    assert!(world.book.sum(Cuboid::Content).events > 0);
}
