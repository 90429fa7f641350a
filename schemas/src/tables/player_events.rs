//! Columns of `player_events`: the CMCD keys by their own names, and what we know besides.

use super::{Column, HOUR, Kind};
use crate::cmcd::{self, Key, Unit};

const fn ours(name: &'static str, kind: Kind, source: &'static str, about: &'static str) -> Column {
    Column { name, kind, unit: None, source, about }
}

const BEFORE: &[Column] = &[
    ours("tenant", Kind::Text, "door", "Whose viewer, by the write key."),
    ours(
        "received_at",
        Kind::Time,
        "door",
        "When the collector had it; from `edge` and `otlp`, when the request was served.",
    ),
    ours(
        "fate",
        Kind::Text,
        "processor",
        "`accepted` (counted), `duplicate` (counted before) or `late` (its pane was final).",
    ),
    ours("reason", Kind::Text, "processor", "Why, where the fate needs a reason."),
    ours("mode", Kind::Text, "door", "`event`: a report; `request`: the query of a request."),
    ours(
        "source",
        Kind::Text,
        "door",
        "Where it came in: `cmcd`, `cmcd_query`, `events`; `edge`, `otlp`: who served the request told of it.",
    ),
    ours(
        "epoch",
        Kind::Small,
        "processor",
        "Which playback of the sid it belongs to, 0 for the first; NULL when it is forgotten.",
    ),
];

const AFTER: &[Column] = &[
    ours("custom", Kind::Pairs, "player", "Keys of the player's own."),
    ours("dropped_values", Kind::Int, "door", "Values of the record that could not be read."),
    ours("edge", Kind::Text, "edge", "Edge that served the session's newest request then."),
    ours("pipeline", Kind::Text, "edge", "Encoder pipeline whose copy was served then."),
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
        "Operating system: as in `com.tallylight-os`, else by the request.",
    ),
    ours(
        "player",
        Kind::Text,
        "player",
        "Player and version: as named in `com.tallylight-player`, else by the User-Agent.",
    ),
    ours("asn", Kind::Int, "door", "Autonomous system of the viewer's network, by the address."),
    ours("browser", Kind::Text, "door", "Browser and its major version, by the request."),
    ours("log_id", Kind::Text, "processor", "The log that holds the record."),
    ours("partition", Kind::Small, "processor", "Its partition."),
    ours("offset", Kind::Int, "processor", "The entry of the log that holds it."),
    ours("row", Kind::Int, "processor", "Its row in that entry."),
    ours(
        "broken",
        Kind::Pairs,
        "door",
        "Rules of CMCD that the record breaks, each with what was sent ([players.md](players.md)).",
    ),
    ours("cmsd_static", Kind::Pairs, "player", "What the origin says in CMSD, from `cmsds`."),
    ours("cmsd_hops", Kind::Hops, "player", "What each server says in CMSD, from `cmsdd`."),
    ours("logged_at", Kind::Time, "processor", "Log time at which it was read."),
    ours(
        "digest",
        Kind::Int,
        "door",
        "Hash of the record as it was sent, where `sn` and `ts` do not tell it from others.",
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
