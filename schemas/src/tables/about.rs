//! What a row of each table is.

use super::Table;

pub(super) fn about(table: Table) -> &'static str {
    match table {
        Table::PlayerEvents => {
            "One row per record that the door let in, with its fate. What the door refused is \
             counted in `fates_1s`; some of it is in `dead_letters`."
        }
        Table::DeliveryEvents => {
            "One row per report of our own services (each PUT, GET and choice), with its fate."
        }
        Table::Sessions => {
            "One row per playback. Written when nothing can change it any more, ten minutes after \
             its end; until then it is read from the processor's memory, and `final` is false."
        }
        Table::SessionSpans => {
            "One row per stretch of a playback in one state and one set of dimensions. Written \
             when it can change no more; until then read from memory, and `final` is false. \
             `from` and `to` are words of SQL: write \"from\" and \"to\"."
        }
        Table::Playback => {
            "Sums over players per pane and cell of a cuboid (a standing breakdown). Each cuboid \
             counts every viewer once, so filter by one of them and SUM; `viewers` is the number \
             at the pane's end. Ratios are ratios of sums. Not final rows are the sums so far."
        }
        Table::Delivery => {
            "Sums over the reports of our media services per second and key. Not final rows are \
             the sums so far."
        }
        Table::Fates1s => {
            "The ledger: what became of every record received, per second of log time. Over all \
             fates, SUM(door) is what the door counted and SUM(events) what came to an end; they \
             are equal."
        }
        Table::Incidents => {
            "One row per incident, as last written. Until ten minutes after it is closed it is \
             read from memory."
        }
        Table::InfraMetrics => {
            "One row per data point of OpenTelemetry's metrics (OTLP). A report that is sent again \
             is here again: OTLP has nothing to tell it by. A span or a log record that tells of no \
             request for media is a point, too (docs/opentelemetry.md). The buckets of histograms \
             and the quantiles of summaries are not kept."
        }
        Table::Playback1m => {
            "Final rows of `playback` merged per minute, once it is over and final. `viewers` is the \
             number at the minute's end; the average is time watched over `width_s` × 1000. Add rows \
             up: a pane and cell may have more than one."
        }
        Table::Playback1h => "Final rows of `playback` merged per hour, as `playback_1m`.",
        Table::Delivery1m => {
            "Final rows of `delivery` merged per minute, once it is over and final. Add rows up: a pane \
             and key may have more than one."
        }
        Table::Delivery1h => "Final rows of `delivery` merged per hour, as `delivery_1m`.",
        Table::DeadLetters => {
            "One row per record that the door rejected, as it came but for what is secret, and per \
             part of the log that could not be read. Some of all: a quota holds for each tenant, \
             reason and day; `fates_1s` counts all. A request that is sent again is here again."
        }
        Table::Actions => {
            "One row per action, as last written. Until ten minutes after it is over it is read \
             from memory."
        }
    }
}
