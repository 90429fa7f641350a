//! Columns of `player_events`: the CMCD keys by name, and what Tallylight adds.

use super::{Column, HOUR, Kind};
use crate::cmcd::{self, Key, Unit};

const fn ours(name: &'static str, kind: Kind, source: &'static str, about: &'static str) -> Column {
    Column { name, kind, unit: None, source, about }
}

const BEFORE: &[Column] = &[
    ours("tenant", Kind::Text, "collector", "Tenant whose viewer it is, by the write key."),
    ours(
        "received_at",
        Kind::Time,
        "collector",
        "When the collector received it; from `edge` and `otlp`, when the request was served.",
    ),
    ours(
        "fate",
        Kind::Text,
        "processor",
        "`accepted` (counted, unless it repeats the end of a forgotten session), `duplicate` (counted before) or `late` (its pane was final).",
    ),
    ours("reason", Kind::Text, "processor", "Why, where the fate needs a reason."),
    ours(
        "mode",
        Kind::Text,
        "collector",
        "`event`: an event report; `request`: CMCD of a media request.",
    ),
    ours(
        "source",
        Kind::Text,
        "collector",
        "The source that received it: `cmcd`, `cmcd_query`, `events`; `edge` and `otlp` are requests reported by their server.",
    ),
    ours(
        "epoch",
        Kind::Small,
        "processor",
        "Number of the playback within the sid, 0 for the first; NULL if that playback is no longer in memory.",
    ),
];

const AFTER: &[Column] = &[
    ours("custom", Kind::Pairs, "player", "The player's custom keys."),
    ours(
        "dropped_values",
        Kind::Int,
        "collector",
        "Number of values of the record that could not be read.",
    ),
    ours("edge", Kind::Text, "edge", "Edge that served the session's newest request at that time."),
    ours(
        "pipeline",
        Kind::Text,
        "edge",
        "Encoder pipeline that produced the copy served at that time.",
    ),
    ours(
        "country",
        Kind::Text,
        "player",
        "Country as claimed (`com.tallylight-country`), else by the address.",
    ),
    ours(
        "device",
        Kind::Text,
        "player",
        "Device as claimed (`com.tallylight-device`), else by the request.",
    ),
    ours(
        "os",
        Kind::Text,
        "player",
        "Operating system as claimed (`com.tallylight-os`), else by the request.",
    ),
    ours(
        "player",
        Kind::Text,
        "player",
        "Player and version as claimed (`com.tallylight-player`), else by the User-Agent.",
    ),
    ours(
        "asn",
        Kind::Int,
        "collector",
        "Autonomous system of the viewer's network, by the address.",
    ),
    ours("browser", Kind::Text, "collector", "Browser and major version, by the request."),
    ours("log_id", Kind::Text, "processor", "Id of the log that contains the record."),
    ours("partition", Kind::Small, "processor", "Partition of that log."),
    ours("offset", Kind::Int, "processor", "Offset of the log entry that contains it."),
    ours("row", Kind::Int, "processor", "Its row in that entry."),
    ours(
        "broken",
        Kind::Pairs,
        "collector",
        "CMCD rules that the record breaks, each with what was sent ([players.md](players.md)).",
    ),
    ours("cmsd_static", Kind::Pairs, "player", "What the origin states in CMSD, from `cmsds`."),
    ours("cmsd_hops", Kind::Hops, "player", "What each server states in CMSD, from `cmsdd`."),
    ours("logged_at", Kind::Time, "processor", "Log time at which it was read."),
    ours(
        "digest",
        Kind::Int,
        "collector",
        "Hash of the record as sent, to identify it where `sn` and `ts` do not.",
    ),
    ours(HOUR, Kind::Text, "processor", "Hour of log time in which it was read; the folder."),
];

fn key(key: Key) -> Column {
    let kind = match key.kind() {
        _ if key == Key::Ts => Kind::MsTime,
        cmcd::Kind::Int => Kind::Int,
        cmcd::Kind::Dec => Kind::Dec,
        cmcd::Kind::Bool => Kind::Bool,
        cmcd::Kind::Token | cmcd::Kind::Str => Kind::Text,
        cmcd::Kind::Ints => Kind::Ints,
        cmcd::Kind::Strs => Kind::Texts,
    };
    let unit = match key.unit() {
        _ if key == Key::Ts => None,
        Unit::Kbps => Some("kbps"),
        Unit::Ms | Unit::SignedMs | Unit::Time => Some("ms"),
        Unit::Count | Unit::Chars(_) | Unit::Plain => None,
    };
    Column { name: key.name(), kind, unit, source: "player", about: key.about() }
}

pub(super) fn columns() -> Vec<Column> {
    let keys = Key::ALL.iter().map(|of| key(*of));
    BEFORE.iter().copied().chain(keys).chain(AFTER.iter().copied()).collect()
}
