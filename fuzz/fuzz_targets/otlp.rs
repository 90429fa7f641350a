//! OpenTelemetry's metrics, logs and traces, in protobuf and in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::otlp::{
    self, Export, ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest,
    Wire,
};
use tallylight_fuzz::collect;

fn read<E: Export>(body: &[u8]) {
    for wire in [Wire::Protobuf, Wire::Json] {
        let whole = otlp::request::<E>(body, wire).ok().map(|request| (request, Vec::new()));
        let Some((request, lost)) = whole.or_else(|| otlp::salvage::<E>(body, wire)) else {
            continue;
        };
        let tally = collect(|context, rows| {
            let mut tally = request.read(1, context, rows);
            otlp::reject::<E>(&lost, context, rows, &mut tally);
            tally
        });
        assert_eq!(tally.records(), (request.records() + lost.len()) as u64);
    }
}

fuzz_target!(|body: &[u8]| {
    read::<ExportMetricsServiceRequest>(body);
    read::<ExportLogsServiceRequest>(body);
    read::<ExportTraceServiceRequest>(body);
});
