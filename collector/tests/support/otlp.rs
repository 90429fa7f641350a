//! Mutated OTLP requests: every record of a request that can still be read, as a whole or in part,
//! has a fate.

use proptest::prelude::*;
use tallylight_collector::decode::otlp::{Export, Wire, reject, request, salvage};
use tallylight_collector::decode::{Context, Rows};
use tallylight_collector::talkers::Talkers;

use super::world::NOW;

/// Some bytes of a body, and what they are overwritten with.
pub fn hits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
}

/// Overwrites them.
pub fn spoil(body: &mut [u8], hits: &[(prop::sample::Index, u8)]) {
    for (at, byte) in hits {
        let at = at.index(body.len());
        body[at] = *byte;
    }
}

/// Every record of a request has a fate, if it is known how many there are.
pub fn read_all<E: Export>(body: &[u8], wire: Wire, max_records: usize) {
    let whole = request::<E>(body, wire).ok().map(|read| (read, Vec::new()));
    let Some((read, lost)) = whole.or_else(|| salvage::<E>(body, wire)) else { return };
    let talkers = Talkers::new(0);
    let calm = Context::calm("demo", NOW, &talkers);
    let context = Context { max_records, trusted: true, ..calm };
    let mut rows = Rows::new(4);
    let mut tally = read.read(1, context, &mut rows);
    reject::<E>(&lost, context, &mut rows, &mut tally);
    assert_eq!(tally.records(), (read.records() + lost.len()) as u64);
}
