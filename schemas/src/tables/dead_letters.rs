//! Columns of `dead_letters`.

use super::columns::define as columns;
use super::{Column, Kind};

pub(super) const COLUMNS: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose record it is, by the write key. The tenants of the records in a part of the log are unknown: it is assigned to the tenant that `processor.archive.dead_letters_to` names.";
    "received_at" Time by "collector": "When the collector received it; for a part of the log, when it was appended.";
    "source" Text by "collector": "The source that received it: `cmcd`, `cmcd_query`, `events`, `otlp_metrics`; `log` for a part of the log.";
    "reason" Text by "collector": "The reason of its fate; for a part of the log, the error as text.";
    "record" Text by "player": "The record without addresses, URL queries and the values of secrets, at most 4 KiB. NULL for OpenTelemetry records and parts of the log, which are not kept.";
    "bytes" Int "bytes" by "collector": "Its length as received; NULL for OpenTelemetry records.";
    "kind" Small by "processor": "For a part of the log: the number of its kind.";
    "hash" Int by "processor": "For a part of the log: a hash of its bytes (XXH3).";
    "log_id" Text by "processor": "Id of the log that contains it.";
    "shard" Small by "processor": "The shard of that log.";
    "partition" Small by "processor": "For a part of the log: its partition, if it belongs to one.";
    "offset" Int by "processor": "Offset of the log entry that contains it.";
    "part" Small by "processor": "Number of the part in that entry, from 0.";
};
