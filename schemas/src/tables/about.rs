//! Descriptions of the tables.

use super::Table;

pub(super) fn about(table: Table) -> &'static str {
    match table {
        Table::PlayerEvents => {
            "One row per player record that the collector stored, with its fate. Rejected and shed \
             records are counted in `fates_1s`; some rejected ones are in `dead_letters`."
        }
        Table::DeliveryEvents => {
            "One row per report of a PUT, a GET, a choice or an edge's load, with its fate. Our own \
             services send them, and other servers by OpenTelemetry or as events."
        }
        Table::Sessions => {
            "One row per playback. It is written once it can no longer change, ten minutes after \
             its end; until then it is read from the processor's memory and `final` is false."
        }
        Table::SessionSpans => {
            "One row per span of a playback in one state and one set of dimensions. It is written \
             once it can no longer change; until then it is read from memory and `final` is false. \
             `from` and `to` are reserved words in SQL: write \"from\" and \"to\"."
        }
        Table::Playback => {
            "Sums over players per pane and cell of a cuboid (a precomputed breakdown). Each cuboid \
             counts every viewer once, so filter by one cuboid and SUM; `viewers` is the number \
             at the pane's end. Ratios are ratios of sums. Rows that are not final hold the sums \
             so far."
        }
        Table::Delivery => {
            "Sums over the reports of media services per second and key. Rows that are not final \
             hold the sums so far."
        }
        Table::Fates1s => {
            "The ledger: the fate of every received record, per second of log time. Over all \
             fates, SUM(door) is the number of records that the collector counted and SUM(events) \
             the number with a final fate; they are equal."
        }
        Table::Incidents => {
            "One row per incident, as last updated. It is read from memory until ten minutes after \
             it closes."
        }
        Table::InfraMetrics => {
            "One row per data point of OpenTelemetry metrics (OTLP). A report that is sent twice \
             appears twice, since OTLP has nothing to recognise it by. A span or a log record that \
             does not report a media request is a data point, too (docs/opentelemetry.md). Histogram \
             buckets and summary quantiles are not kept."
        }
        Table::Playback1m => {
            "Final rows of `playback` merged per minute, once the minute is over and final. `viewers` \
             is the number at the minute's end; the average is time watched over `width_s` × 1000. \
             SUM the rows: a pane and cell may have more than one."
        }
        Table::Playback1h => "Final rows of `playback` merged per hour, as `playback_1m`.",
        Table::Delivery1m => {
            "Final rows of `delivery` merged per minute, once the minute is over and final. SUM the \
             rows: a pane and key may have more than one."
        }
        Table::Delivery1h => "Final rows of `delivery` merged per hour, as `delivery_1m`.",
        Table::DeadLetters => {
            "One row per record that the collector rejected, as received but without secrets, and \
             per part of the log that could not be read. This is a sample: a quota applies per \
             tenant, reason and day; `fates_1s` counts all. A request that is sent twice appears \
             twice."
        }
        Table::Actions => {
            "One row per action, as last updated. It is read from memory until ten minutes after it \
             is over."
        }
    }
}
