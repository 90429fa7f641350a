//! Columns of `dead_letters`.

use super::columns::define as columns;
use super::{Column, Kind};

pub(super) const COLUMNS: &[Column] = columns! {
    "tenant" Text by "door": "Whose record, by the write key. Nobody can tell whose records are in a part of the log: it is of the tenant that `processor.archive.dead_letters_to` names.";
    "received_at" Time by "door": "When the collector had it; of a part of the log, when it was appended.";
    "source" Text by "door": "Where it came in: `cmcd`, `cmcd_query`, `events`, `otlp_metrics`; `log` is a part of the log.";
    "reason" Text by "door": "The reason of its fate; of a part of the log the error in words.";
    "record" Text by "player": "The record, without addresses, queries of URLs and what follows the name of a secret, at most 4 KiB of it. NULL of OpenTelemetry's records and of parts of the log: neither is kept.";
    "bytes" Int "bytes" by "door": "Its length as it came; NULL of OpenTelemetry's records.";
    "kind" Small by "processor": "Of a part of the log: the number of its kind.";
    "hash" Int by "processor": "Of a part of the log: a hash of its bytes (XXH3).";
    "log_id" Text by "processor": "The log that holds it.";
    "shard" Small by "processor": "The shard of that log.";
    "partition" Small by "processor": "Of a part of the log: its partition, where it is of one.";
    "offset" Int by "processor": "The entry of the log that holds it.";
    "part" Small by "processor": "The number of the part in that entry, from 0.";
};
