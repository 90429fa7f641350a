//! What the fuzz targets share: the collector without a network.

use tallylight_collector::decode::rows::{deliveries, player_batch};
use tallylight_collector::decode::{Context, Rows};
use tallylight_collector::fates::Tally;
use tallylight_collector::talkers::Talkers;
use tallylight_schemas::ipc::encode_all;

/// A record that the collector accepts.
pub const GOOD: &str = "cid=\"c\",e=ps,sid=\"good\",sn=0,sta=s,ts=1790000000000,v=2";

/// Decodes as the collector decodes a request of a trusted service. Every record must get a fate,
/// and what is kept must be writable.
pub fn collect(read: impl FnOnce(Context<'_>, &mut Rows) -> Tally) -> Tally {
    let (talkers, mut rows) = (Talkers::new(0), Rows::new(4));
    let calm = Context::calm("demo", 1_790_000_000_000_000, &talkers);
    let context = Context { max_records: 1_000, trusted: true, ..calm };
    let tally = read(context, &mut rows);
    let mut all = [rows];
    assert!(player_batch(&mut all, 1).is_ok(), "what was taken cannot be written");
    deliveries(&mut all, 1);
    for rows in all.iter().filter(|rows| !rows.infra.is_empty()) {
        assert!(encode_all(&rows.infra).is_ok(), "points that were taken cannot be written");
    }
    tally
}
