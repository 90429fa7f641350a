//! An Arrow IPC stream, as `POST /v1/events` takes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::arrow;
use tallylight_fuzz::collect;

fuzz_target!(|body: &[u8]| {
    let Ok(batches) = arrow::batches(body) else { return };
    let tally = collect(|context, rows| arrow::body(&batches, context, rows));
    assert_eq!(tally.records(), arrow::events(&batches) as u64);
});
