//! Values of `?CMCD=` and of the four headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::cmcd;
use tallylight_fuzz::{GOOD, collect};

fuzz_target!(|value: &[u8]| {
    let values = [GOOD.as_bytes().to_vec(), value.to_vec()];
    let tally = collect(|context, rows| cmcd::query(&values, context, rows));
    assert_eq!(tally.records(), 2);
    assert!(tally.accepted() > 0);
});
