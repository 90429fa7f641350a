//! CMCD records, one per line, as `POST /v1/cmcd` takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::{cmcd, lines};
use tallylight_fuzz::{GOOD, collect};

fuzz_target!(|body: &[u8]| {
    // A good record before a broken one is kept, whatever the broken one is.
    let body = [GOOD.as_bytes(), b"\n", body].concat();
    let tally = collect(|context, rows| cmcd::body(&body, context, rows));
    assert_eq!(tally.records(), lines(&body).count() as u64);
    assert!(tally.accepted() > 0);
});
