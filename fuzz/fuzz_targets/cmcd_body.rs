//! CMCD records, one a line, as `POST /v1/cmcd` takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::{cmcd, lines};
use tallylight_fuzz::{GOOD, door};

fuzz_target!(|body: &[u8]| {
    // What stands before a broken record is kept, whatever that one is.
    let body = [GOOD.as_bytes(), b"\n", body].concat();
    let tally = door(|context, rows| cmcd::body(&body, context, rows));
    assert_eq!(tally.records(), lines(&body).count() as u64);
    assert!(tally.accepted() > 0);
});
