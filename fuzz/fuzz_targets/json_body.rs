//! JSON of our own events, and of CMCD drafts; as one document and as lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::json;
use tallylight_fuzz::collect;

fuzz_target!(|body: &[u8]| {
    for says_lines in [false, true] {
        let Ok(layout) = json::layout(body, says_lines) else { continue };
        let events = json::events(body, layout).count() as u64;
        for read in [json::body, json::records] {
            let tally = collect(|context, rows| read(body, layout, context, rows));
            assert_eq!(tally.records(), events);
        }
    }
});
