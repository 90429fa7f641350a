//! Columns of every table but `player_events`.

use super::{Column, HOUR, Kind, Table, dead_letters, infra_metrics};
use crate::rows::Measures;

macro_rules! columns {
    ($($name:literal $kind:ident $($unit:literal)? by $source:literal: $about:literal;)*) => {
        &[$(Column {
            name: $name,
            kind: Kind::$kind,
            unit: columns!(@unit $($unit)?),
            source: $source,
            about: $about,
        }),*]
    };
    (@unit) => { None };
    (@unit $unit:literal) => { Some($unit) };
}
pub(super) use columns as define;

const DELIVERY_EVENTS: &[Column] = columns! {
    "tenant" Text by "door": "Whose stream, by the write key.";
    "ts" Time by "service": "When it happened, by the reporter's clock.";
    "received_at" Time by "door": "When the collector had it.";
    "fate" Text by "processor": "`accepted`, `duplicate` or `late`.";
    "reason" Text by "processor": "Why, where the fate needs a reason.";
    "source" Text by "service": "The reporting process, such as `edge-e1`.";
    "boot" Int by "service": "Which life of that process.";
    "seq" Int by "service": "Number of the report in that life, from 0.";
    "service" Text by "service": "`packager`, `origin`, `edge` or `steering`.";
    "action" Text by "service": "`put`, `get`, `choice` or `load`.";
    "stream" Text by "service": "Stream name.";
    "track" Text by "service": "Track name; empty for a manifest.";
    "k" Int by "service": "Segment number.";
    "status" Small by "service": "HTTP status sent.";
    "bytes" Int "bytes" by "service": "Body bytes sent or received.";
    "ttfb_us" Int "µs" by "service": "Request received to first body byte ready.";
    "held_us" Int "µs" by "service": "The part of it that was waiting for the schedule.";
    "hit" Bool by "service": "Served without a request of its own to the origin: from cache, or by joining a fetch under way.";
    "edge" Text by "service": "The edge's name.";
    "pipeline" Text by "service": "Whose copy.";
    "sid" Text by "player": "The player's session.";
    "cid" Text by "player": "The content id that the request carried.";
    "reserved_kbps" Int "kbps" by "service": "Capacity in use, in reports of load.";
    "capacity_kbps" Int "kbps" by "service": "Nominal capacity, in reports of load.";
    "sessions" Int by "service": "Sessions served, in reports of load.";
    "late_us" Int "µs" by "service": "How long after its due time the origin had the copy, or chose; negative before it.";
    "defect" Text by "service": "What is wrong with the copy that was put, one word.";
};

const POSITION: &[Column] = columns! {
    "log_id" Text by "processor": "The log that holds it.";
    "partition" Small by "processor": "Its partition.";
    "offset" Int by "processor": "The entry of the log that holds it.";
    "row" Int by "processor": "Its row in that entry.";
    "logged_at" Time by "processor": "Log time at which it was read.";
};

const SESSIONS: &[Column] = columns! {
    "tenant" Text by "door": "Whose viewer.";
    "sid" Text by "player": "The player's session id.";
    "epoch" Small by "processor": "0 for the first playback of the sid, then 1, 2, ….";
    "cid" Text by "player": "Content id.";
    "device" Text by "player": "Device as claimed, else by the request.";
    "os" Text by "player": "Operating system and its version.";
    "player" Text by "player": "Player and its version.";
    "country" Text by "player": "Country as claimed, else by the address.";
    "asn" Int by "door": "Autonomous system of the viewer's network.";
    "edge" Text by "edge": "Edge of the newest request.";
    "pipeline" Text by "edge": "Pipeline of the newest request.";
    "started_at" Time by "player": "First `s`, or the first record that is no preload.";
    "first_frame_at" Time by "player": "First `p`.";
    "ended_at" Time by "player": "When it ended, or was last seen when it fell silent.";
    "outcome" Text by "processor": "`played`, `playing`, `exit_before_start`, `start_failed`, `failed`.";
    "startup_ms" Int "ms" by "processor": "`first_frame_at` − `started_at`.";
    "msd_ms" Int "ms" by "player": "The player's own media start delay, to check by.";
    "playing_ms" Int "ms" by "processor": "Time playing.";
    "rebuffering_ms" Int "ms" by "processor": "Time rebuffering after the first frame, with `repaired_rebuffering_ms`.";
    "rebuffer_count" Int by "processor": "Rebuffers after the first frame and outside seeks, with `repaired_rebuffers`.";
    "rebuffers" Stretches by "processor": "The newest rebuffers, at most 32.";
    "seeking_ms" Int "ms" by "processor": "Time seeking.";
    "avg_bitrate_kbps" Int "kbps" by "processor": "Bitrate averaged over playing time.";
    "switches" Int by "processor": "Changes of bitrate.";
    "live_latency_ms" Int "ms" by "player": "Newest live latency.";
    "error_code" Text by "player": "Newest error code.";
    "state" Text by "player": "Last state, a CMCD `sta` token.";
    "events" Int by "processor": "Records accepted; what was told of requests only where the player sends no event reports.";
    "lost_events" Int by "processor": "Records missing by sequence number.";
    "late_events" Int by "processor": "Records that came after their pane was final.";
    "last_seen" Time by "player": "Newest record.";
    "final" Bool by "processor": "Nothing can change it any more.";
    "waited_ms" Int "ms" by "processor": "How long the viewer waited for the first frame or, without one, until the end: the wait of an exit before start.";
    "starting_ms" Int "ms" by "processor": "Time starting.";
    "seek_count" Int by "processor": "Seeks after the first frame.";
    "background_ms" Int "ms" by "processor": "The part of the times starting, playing, rebuffering and seeking in which all players of the session were hidden (`bg`).";
    "background_rebuffering_ms" Int "ms" by "processor": "The part of `rebuffering_ms` in which they were hidden.";
    "bitrate_ms" Int "ms" by "processor": "Playing time of known bitrate.";
    "bitrate_kbps_ms" Int "kbps·ms" by "processor": "Σ bitrate × playing time; over `bitrate_ms` it is the average bitrate.";
    "derived" Bool by "processor": "What it did is derived from its requests alone, as of a player of CMCD v1: counts are near, times as coarse as its requests are apart. NULL before it was told.";
    "switches_up" Int by "processor": "The part of `switches` that went to a higher bitrate. This column and the next are NULL before they were told.";
    "switches_down" Int by "processor": "The part of `switches` that went to a lower one.";
    "least_latency_ms" Int "ms" by "player": "Least live latency told while playing.";
    "greatest_latency_ms" Int "ms" by "player": "Greatest live latency told while playing.";
    "dropped_frames" Int by "player": "Frames dropped, by the player's own count (`dfa`).";
    "repaired_rebuffers" Int by "player": "The part of `rebuffer_count` that only the player's own count (`bsa`) tells of, since records were lost; below 0 where that is less than what was seen.";
    "repaired_rebuffering_ms" Int "ms" by "player": "The same of `rebuffering_ms` (`bsda`); it is taken out of `playing_ms`.";
};

const SESSION_SPANS: &[Column] = columns! {
    "tenant" Text by "door": "Whose viewer.";
    "sid" Text by "player": "The player's session id.";
    "epoch" Small by "processor": "Which playback of the sid.";
    "state" Text by "processor": "`starting`, `playing`, `rebuffering`, `seeking` or `paused`.";
    "from" Time by "player": "Its beginning, by the player's clock, corrected.";
    "to" Time by "player": "Its end; while it is `open`, the newest record.";
    "cid" Text by "player": "Content id.";
    "edge" Text by "edge": "Edge of the newest request.";
    "pipeline" Text by "edge": "Pipeline of the newest request.";
    "bitrate_kbps" Int "kbps" by "player": "Bitrate selected.";
    "country" Text by "player": "Country as claimed, else by the address.";
    "device" Text by "player": "Device as claimed, else by the request.";
    "os" Text by "player": "Operating system and its version.";
    "player" Text by "player": "Player and its version.";
    "asn" Int by "door": "Autonomous system of the viewer's network.";
    "final" Bool by "processor": "Nothing can change it any more.";
    "open" Bool by "processor": "It goes on: the viewer is still there, though nothing was said since `to`. NULL before it was told.";
};

const PLAYBACK: &[Column] = columns! {
    "tenant" Text by "door": "Whose viewers.";
    "pane" Time by "processor": "Start of the pane.";
    "width_s" Small "s" by "processor": "Width of the pane.";
    "cuboid" Text by "processor": "`content`, `delivery` (1 s), `rendition`, `audience`, `network`, `client` (10 s).";
    "content" Text by "player": "Content id; not in cuboids `network` and `client`.";
    "edge" Text by "edge": "Edge, in cuboids `delivery` and `network`.";
    "pipeline" Text by "edge": "Pipeline, in cuboid `delivery`.";
    "rendition" Text by "player": "Selected bitrate, in cuboid `rendition`.";
    "country" Text by "player": "Country, in cuboid `audience`.";
    "device" Text by "player": "Device, in cuboid `audience`.";
    "player" Text by "player": "Player and its version, in cuboid `client`.";
    "os" Text by "player": "Operating system, in cuboid `client`.";
    "asn" Int by "door": "Autonomous system of the viewer's network, in cuboid `network`.";
};

const PLAYBACK_END: &[Column] = columns! {
    "startup_sketch" Sketch "ms" by "processor": "Startup times that ended in the pane.";
    "latency_sketch" Sketch "ms" by "processor": "Live latencies reported in the pane.";
    "metrics_version" Small by "processor": "Version of the metric definitions.";
    "final" Bool by "processor": "No later event can change it.";
};

const DELIVERY: &[Column] = columns! {
    "tenant" Text by "door": "Whose stream.";
    "pane" Time by "processor": "Start of the pane.";
    "width_s" Small "s" by "processor": "Width of the pane.";
    "service" Text by "service": "`packager`, `origin`, `edge` or `steering`.";
    "edge" Text by "service": "The edge's name, when an edge reported.";
    "pipeline" Text by "service": "Whose copy.";
    "track" Text by "service": "Track name.";
    "action" Text by "service": "`put`, `get`, `choice` or `load`.";
    "requests" Int by "processor": "Requests, or choices.";
    "bytes" Int "bytes" by "processor": "Body bytes.";
    "errors" Int by "processor": "Answers of 400 and above.";
    "hits" Int by "processor": "Served from cache, or by joining a fetch under way.";
    "ttfb_sketch" Sketch "ms" by "processor": "Time to the first byte net of hold.";
    "held_ms" Int "ms" by "processor": "Held for the schedule.";
    "final" Bool by "processor": "No later event can change it.";
    "stream" Text by "service": "Stream name.";
    "k" Int by "service": "Segment number; NULL in rows of a minute and of an hour, of manifests, and where too many segments were asked for at once.";
    "ok" Int by "processor": "Answers of 200 to 299.";
    "redirects" Int by "processor": "Answers of 300 to 399.";
    "server_errors" Int by "processor": "Answers of 500 and above, which are among `errors`.";
    "held_sketch" Sketch "ms" by "processor": "Time held for the schedule, of the requests that were held.";
};

const FATES: &[Column] = columns! {
    "pane" Time by "processor": "Start of the second of log time.";
    "tenant" Text by "door": "Whose records.";
    "source" Text by "door": "Where they came in.";
    "fate" Text by "processor": "`accepted`, `duplicate`, `late`, `rejected` or `shed`.";
    "reason" Text by "door": "Why they were rejected or shed; else `none`.";
    "events" Int by "processor": "Records that came to this end.";
    "door" Int by "door": "Records that the door counted with this fate.";
    "partition" Small by "processor": "Partition of the log.";
};

const INCIDENTS: &[Column] = columns! {
    "tenant" Text by "steering": "Whose stream.";
    "id" Text by "steering": "Names it.";
    "opened_at" Time by "steering": "When it was recognised.";
    "symptom_at" Time by "steering": "When its first symptom was, by event time.";
    "well_since" Time by "steering": "Since when it has been well, while it is open still.";
    "closes_at" Time by "steering": "When it will be over if that lasts; NULL while its viewers are still elsewhere.";
    "closed_at" Time by "steering": "When it was over.";
    "cause" Text by "steering": "What is wrong, one sentence.";
    "culprit" Text by "steering": "Kind of part: `edge`, `origin`, `encoder`, `device`, `telemetry`.";
    "name" Text by "steering": "Which one of that kind; NULL when all.";
    "cohort" Text by "steering": "Whom it hits.";
    "viewers" Int by "steering": "Viewers hit.";
    "severity" Text by "steering": "`watch`, `degraded` or `broken`.";
    "evidence" Text by "steering": "What speaks for it, a JSON array of `{what, value, was?, bad?}`; `bad` is true where the value breaks its limit.";
    "no_action" Text by "steering": "Why steering offers nothing to do about it; NULL while something is offered or in force.";
    "no_action_until" Time by "steering": "Until when that reason holds, where it ends by itself.";
    "owner" Text by "steering": "Who takes care of it.";
    "state" Text by "steering": "`open`, `acknowledged` or `closed`.";
    "notes" Text by "steering": "A JSON array of `{at, by, text}`.";
    "updated_at" Time by "steering": "When it was last written.";
};

const ACTIONS: &[Column] = columns! {
    "tenant" Text by "steering": "Whose stream.";
    "id" Text by "steering": "Names it.";
    "incident" Text by "steering": "The incident it answers.";
    "at" Time by "steering": "When it was decided: offered, or taken at once.";
    "taken_at" Time by "steering": "Since when it is, or was, in force; NULL when it never was.";
    "kind" Text by "steering": "What it does, such as `shift_edge`.";
    "target" Text by "steering": "The part it acts on.";
    "to" Text by "steering": "Where viewers go.";
    "share" Dec by "steering": "Share of the target's viewers that it concerns, 0 to 1.";
    "viewers" Int by "steering": "Viewers that it concerns.";
    "load_after" Dec by "steering": "Share of the destination's capacity in use after it.";
    "title" Text by "steering": "What is done, one sentence.";
    "evidence" Text by "steering": "Why, a JSON array of `{what, value, was?, bad?}`.";
    "forecast" Text by "steering": "What it should give.";
    "undo" Text by "steering": "How it is undone.";
    "undo_of" Text by "steering": "The action that this one takes back.";
    "state" Text by "steering": "`offered`, `taken`, `undone`, `dismissed` or `ended`.";
    "acts_at" Time by "steering": "When an offer is taken by itself.";
    "outcome" Text by "steering": "What then happened.";
    "by" Text by "steering": "Who: `steering`, or the operator's name.";
    "updated_at" Time by "steering": "When it was last written.";
};

const FOLDER: &[Column] = columns! {
    "hour" Text by "processor": "Hour of log time in which the row was written; the folder.";
};

fn measures() -> impl Iterator<Item = Column> {
    let unit = |name: &str| match name {
        "bitrate_kbps_ms" => Some("kbps·ms"),
        name if name.ends_with("_ms") => Some("ms"),
        _ => None,
    };
    Measures::NAMES.iter().zip(Measures::ABOUT).map(move |(name, about)| Column {
        name,
        kind: Kind::Int,
        unit: unit(name),
        source: "processor",
        about,
    })
}

pub(super) fn columns(table: Table) -> Vec<Column> {
    let mut all = match table {
        Table::PlayerEvents => Vec::new(),
        Table::DeliveryEvents => [DELIVERY_EVENTS, POSITION].concat(),
        Table::Sessions => SESSIONS.to_vec(),
        Table::SessionSpans => SESSION_SPANS.to_vec(),
        Table::Playback | Table::Playback1m | Table::Playback1h => {
            PLAYBACK.iter().copied().chain(measures()).collect()
        }
        Table::Delivery | Table::Delivery1m | Table::Delivery1h => DELIVERY.to_vec(),
        Table::Fates1s => FATES.to_vec(),
        Table::Incidents => INCIDENTS.to_vec(),
        Table::Actions => ACTIONS.to_vec(),
        Table::InfraMetrics => infra_metrics::COLUMNS.to_vec(),
        Table::DeadLetters => dead_letters::COLUMNS.to_vec(),
    };
    if table.kin() == Table::Playback {
        all.extend(PLAYBACK_END);
    }
    debug_assert_eq!(FOLDER[0].name, HOUR);
    all.extend(FOLDER);
    all
}
