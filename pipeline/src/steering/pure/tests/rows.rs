//! What rows show, and that they count only while they are young.

use tallylight_schemas::control::Culprit;

use super::fleet::Fleet;
use crate::steering::pure::decide::decide;
use crate::steering::pure::health::Health;
use crate::steering::pure::inputs::{Device, Found, Inputs, Probe};

#[test]
fn old_rows_do_not_keep_an_edge_bad_that_the_prober_finds_healthy() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.origin_slow = 1_500;
    fleet.run(15);
    let probe = |seconds: i64| Probe { at: fleet.now - seconds * 1_000, result: Found::Byte(30) };
    let mut inputs = fleet.inputs();
    inputs.edges.values_mut().for_each(|edge| edge.probes = [3, 2, 1, 0].map(probe).into());
    let health = |inputs: &Inputs| {
        let (state, _) = decide(fleet.state.clone(), inputs, fleet.now);
        state.edges.values().map(|edge| edge.health).collect::<Vec<_>>()
    };
    assert_eq!(health(&inputs), [Health::Bad, Health::Bad]);
    inputs.feed.age_ms = Some(4_001);
    assert_eq!(health(&inputs), [Health::Good, Health::Good]);
}

#[test]
fn a_device_is_named_by_what_was_measured_and_only_by_young_rows() {
    let fleet = Fleet::new(60, 100, 100);
    let mut inputs = fleet.inputs();
    inputs.devices.insert("tv-x900".into(), Device { viewers: 8, adaptation_failures: 9 });
    inputs.devices.insert("phone".into(), Device { viewers: 40, adaptation_failures: 1 });
    let (named, _) = decide(fleet.state.clone(), &inputs, fleet.now);
    let row = named.incidents.values().find(|row| row.culprit == Culprit::Device).unwrap();
    let said = "Rebuffers after a bitrate that was not lowered, last 30 s";
    assert!(row.evidence.contains(said), "{}", row.evidence);
    // Without young rows nothing is known: nothing is named, and what is open is not over.
    inputs.feed.age_ms = Some(4_001);
    let (blind, _) = decide(fleet.state.clone(), &inputs, fleet.now);
    assert!(blind.incidents.is_empty(), "{:?}", blind.incidents);
    inputs.devices.clear();
    let (blind, _) = decide(named, &inputs, fleet.now);
    assert!(blind.incidents.values().all(|row| row.well_since.is_none()));
}
