//! OpenTelemetry's metrics, in protobuf and in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::otlp::{self, Wire};
use tallylight_fuzz::door;

fuzz_target!(|body: &[u8]| {
    for wire in [Wire::Protobuf, Wire::Json] {
        let Ok(request) = otlp::request(body, wire) else { continue };
        let tally = door(|context, rows| otlp::metrics(&request, context, rows));
        assert_eq!(tally.records(), otlp::points(&request) as u64);
    }
});
