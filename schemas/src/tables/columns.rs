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
    "tenant" Text by "collector": "Tenant whose stream it is, by the write key.";
    "ts" Time by "service": "When it happened, by the reporter's clock.";
    "received_at" Time by "collector": "When the collector received it.";
    "fate" Text by "processor": "`accepted`, `duplicate` or `late`.";
    "reason" Text by "processor": "Why, where the fate needs a reason.";
    "source" Text by "service": "The reporting process, such as `edge-e1`.";
    "boot" Int by "service": "A number that changes at each start of the reporter (of OpenTelemetry, a hash of the request); a new value starts a new sequence.";
    "seq" Int by "service": "Number of the report within its `boot`, from 0.";
    "service" Text by "service": "`packager`, `origin`, `edge` or `steering`.";
    "action" Text by "service": "`put`, `get`, `choice` or `load`.";
    "stream" Text by "service": "Stream name; empty where an edge failed a request for a track of which it had served nothing.";
    "track" Text by "service": "Track name; empty for a manifest, and where `stream` is empty.";
    "k" Int by "service": "Segment number.";
    "status" Small by "service": "HTTP status sent.";
    "bytes" Int "bytes" by "service": "Body bytes sent or received.";
    "ttfb_us" Int "µs" by "service": "Time from request received to first body byte ready.";
    "held_us" Int "µs" by "service": "The part of `ttfb_us` spent waiting for the schedule.";
    "hit" Bool by "service": "Served without its own request to the origin: from cache, or by joining a fetch in progress.";
    "edge" Text by "service": "The edge's name.";
    "pipeline" Text by "service": "Pipeline that produced the copy.";
    "sid" Text by "player": "The player's session.";
    "cid" Text by "player": "The content id that the request carried.";
    "reserved_kbps" Int "kbps" by "service": "Reserved capacity; only in load reports.";
    "capacity_kbps" Int "kbps" by "service": "Nominal capacity; only in load reports.";
    "sessions" Int by "service": "Sessions served; only in load reports.";
    "late_us" Int "µs" by "service": "How long after the due time the origin received or chose the copy; negative if before.";
    "defect" Text by "service": "Defect of the uploaded copy, one word.";
};

const POSITION: &[Column] = columns! {
    "log_id" Text by "processor": "Id of the log that contains it.";
    "partition" Small by "processor": "Partition of that log.";
    "offset" Int by "processor": "Offset of the log entry that contains it.";
    "row" Int by "processor": "Its row in that entry.";
    "logged_at" Time by "processor": "Log time at which it was read.";
};

const SESSIONS: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose viewer it is.";
    "sid" Text by "player": "The player's session id.";
    "epoch" Small by "processor": "Number of the playback within the sid: 0 for the first, then 1, 2, ….";
    "cid" Text by "player": "Content id.";
    "device" Text by "player": "Device as claimed, else by the request.";
    "os" Text by "player": "Operating system and its version.";
    "player" Text by "player": "Player and its version.";
    "country" Text by "player": "Country as claimed, else by the address.";
    "asn" Int by "collector": "Autonomous system of the viewer's network.";
    "edge" Text by "edge": "Edge of the newest request.";
    "pipeline" Text by "edge": "Pipeline of the newest request.";
    "started_at" Time by "player": "First `s`, or the first record that is neither a preload nor a pause.";
    "first_frame_at" Time by "player": "First `p`, or an `r` that is the first known record while earlier ones are missing.";
    "ended_at" Time by "player": "When it ended, or was last seen if it fell silent.";
    "outcome" Text by "processor": "`played`, `playing`, `exit_before_start`, `start_failed`, `failed`.";
    "startup_ms" Int "ms" by "processor": "`first_frame_at` − `started_at`.";
    "msd_ms" Int "ms" by "player": "The player's own media start delay, for cross-checking.";
    "playing_ms" Int "ms" by "processor": "Time playing.";
    "rebuffering_ms" Int "ms" by "processor": "Time rebuffering after the first frame, including `repaired_rebuffering_ms`.";
    "rebuffer_count" Int by "processor": "Rebuffers after the first frame and outside seeks, including `repaired_rebuffers`.";
    "rebuffers" Intervals by "processor": "The newest rebuffers, at most 32.";
    "seeking_ms" Int "ms" by "processor": "Time seeking.";
    "avg_bitrate_kbps" Int "kbps" by "processor": "Bitrate averaged over playing time.";
    "switches" Int by "processor": "Changes of bitrate.";
    "live_latency_ms" Int "ms" by "player": "Newest live latency.";
    "error_code" Text by "player": "Newest error code.";
    "state" Text by "player": "Last state, a CMCD `sta` token.";
    "events" Int by "processor": "Records accepted; reported requests count only if the player sends no event reports.";
    "lost_events" Int by "processor": "Records missing by sequence number.";
    "late_events" Int by "processor": "Records that arrived after their pane was final.";
    "last_seen" Time by "player": "Newest record.";
    "final" Bool by "processor": "The row can no longer change.";
    "waited_ms" Int "ms" by "processor": "How long the viewer waited for the first frame or, without one, until the end (the wait of an exit before start).";
    "starting_ms" Int "ms" by "processor": "Time starting.";
    "seek_count" Int by "processor": "Seeks after the first frame.";
    "background_ms" Int "ms" by "processor": "The part of the time starting, playing, rebuffering and seeking in which all players of the session were hidden (`bg`).";
    "background_rebuffering_ms" Int "ms" by "processor": "The part of `rebuffering_ms` in which all players of the session were hidden.";
    "bitrate_ms" Int "ms" by "processor": "Playing time of known bitrate.";
    "bitrate_kbps_ms" Int "kbps·ms" by "processor": "Σ bitrate × playing time; divided by `bitrate_ms` it is the average bitrate.";
    "derived" Bool by "processor": "The playback is derived from its requests alone, as for a player with CMCD v1: counts are approximate, times only as precise as the requests are spaced. NULL in rows older than this column.";
    "switches_up" Int by "processor": "The part of `switches` to a higher bitrate. NULL in rows older than this column.";
    "switches_down" Int by "processor": "The part of `switches` to a lower bitrate. NULL in rows older than this column.";
    "least_latency_ms" Int "ms" by "player": "Lowest live latency reported while playing.";
    "greatest_latency_ms" Int "ms" by "player": "Highest live latency reported while playing.";
    "dropped_frames" Int by "player": "Frames dropped, by the player's own count (`dfa`).";
    "repaired_rebuffers" Int by "player": "The part of `rebuffer_count` known only from the player's own count (`bsa`), because records were lost; negative where that count is lower than what was seen.";
    "repaired_rebuffering_ms" Int "ms" by "player": "The same for `rebuffering_ms` (`bsda`); it is subtracted from `playing_ms`, and what is more than that from `starting_ms` if the first frame is among the lost records.";
};

const SESSION_SPANS: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose viewer it is.";
    "sid" Text by "player": "The player's session id.";
    "epoch" Small by "processor": "Number of the playback within the sid, from 0.";
    "state" Text by "processor": "`starting`, `playing`, `rebuffering`, `seeking` or `paused`.";
    "from" Time by "player": "Start of the span, by the player's corrected clock.";
    "to" Time by "player": "End of the span; while it is `open`, the newest record.";
    "cid" Text by "player": "Content id.";
    "edge" Text by "edge": "Edge of the newest request.";
    "pipeline" Text by "edge": "Pipeline of the newest request.";
    "bitrate_kbps" Int "kbps" by "player": "Bitrate selected.";
    "country" Text by "player": "Country as claimed, else by the address.";
    "device" Text by "player": "Device as claimed, else by the request.";
    "os" Text by "player": "Operating system and its version.";
    "player" Text by "player": "Player and its version.";
    "asn" Int by "collector": "Autonomous system of the viewer's network.";
    "final" Bool by "processor": "The row can no longer change.";
    "open" Bool by "processor": "The span has not ended: the viewer is still there, although nothing was reported since `to`. NULL in rows older than this column.";
};

const PLAYBACK: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose viewers they are.";
    "pane" Time by "processor": "Start of the pane.";
    "width_s" Small "s" by "processor": "Width of the pane.";
    "cuboid" Text by "processor": "`content`, `delivery`, `rendition`, `audience`, `network` or `client`; in `playback` the panes of the first two are 1 s wide, of the others 10 s.";
    "content" Text by "player": "Content id; not in cuboids `network` and `client`.";
    "edge" Text by "edge": "Edge, in cuboids `delivery` and `network`.";
    "pipeline" Text by "edge": "Pipeline, in cuboid `delivery`.";
    "rendition" Text by "player": "Selected bitrate, in cuboid `rendition`.";
    "country" Text by "player": "Country, in cuboid `audience`.";
    "device" Text by "player": "Device, in cuboid `audience`.";
    "player" Text by "player": "Player and its version, in cuboid `client`.";
    "os" Text by "player": "Operating system, in cuboid `client`.";
    "asn" Int by "collector": "Autonomous system of the viewer's network, in cuboid `network`.";
};

const PLAYBACK_END: &[Column] = columns! {
    "startup_sketch" Sketch "ms" by "processor": "Startup times that ended in the pane.";
    "latency_sketch" Sketch "ms" by "processor": "Live latencies reported in the pane.";
    "metrics_version" Small by "processor": "Version of the metric definitions.";
    "final" Bool by "processor": "No later event can change the row.";
};

const DELIVERY: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose stream it is.";
    "pane" Time by "processor": "Start of the pane.";
    "width_s" Small "s" by "processor": "Width of the pane.";
    "service" Text by "service": "`packager`, `origin`, `edge` or `steering`.";
    "edge" Text by "service": "The edge's name, if an edge reported.";
    "pipeline" Text by "service": "Pipeline that produced the copy.";
    "track" Text by "service": "Track name; empty for manifests, and for requests that an edge failed and whose track it had never served.";
    "action" Text by "service": "`put`, `get`, `choice` or `load`.";
    "requests" Int by "processor": "Requests, or choices.";
    "bytes" Int "bytes" by "processor": "Body bytes.";
    "errors" Int by "processor": "Responses of 400 and above.";
    "hits" Int by "processor": "Requests served from cache, or by joining a fetch in progress.";
    "ttfb_sketch" Sketch "ms" by "processor": "Time to first byte excluding the hold.";
    "held_ms" Int "ms" by "processor": "Time held for the schedule, summed.";
    "final" Bool by "processor": "No later event can change the row.";
    "stream" Text by "service": "Stream name.";
    "k" Int by "service": "Segment number; NULL in minute and hour rows, for manifests and init segments, for answers of 400 to 499 unless the pane has a row of that segment already, and where too many segments were requested at once.";
    "ok" Int by "processor": "Responses of 200 to 299.";
    "redirects" Int by "processor": "Responses of 300 to 399.";
    "server_errors" Int by "processor": "Responses of 500 and above, included in `errors`.";
    "held_sketch" Sketch "ms" by "processor": "Time held for the schedule, for requests that were held.";
};

const FATES: &[Column] = columns! {
    "pane" Time by "processor": "Start of the second of log time.";
    "tenant" Text by "collector": "Tenant whose records they are.";
    "source" Text by "collector": "The source that received them: `cmcd`, `cmcd_query`, `events`, `otlp_metrics`, `edge`, `otlp`.";
    "fate" Text by "processor": "`accepted`, `duplicate`, `late`, `rejected` or `shed`.";
    "reason" Text by "collector": "Why they were rejected or shed, else `none`.";
    "events" Int by "processor": "Number of records whose final fate this is.";
    "door" Int by "collector": "Number of records that the collector counted with this fate.";
    "partition" Small by "processor": "Partition of the log.";
};

const INCIDENTS: &[Column] = columns! {
    "tenant" Text by "steering": "Tenant whose stream it is.";
    "id" Text by "steering": "Identifies it.";
    "opened_at" Time by "steering": "When it was detected.";
    "symptom_at" Time by "steering": "Event time of its first symptom.";
    "well_since" Time by "steering": "Since when its part has been healthy, while it is still open.";
    "closes_at" Time by "steering": "When it closes if the part stays healthy; NULL while its viewers are still elsewhere.";
    "closed_at" Time by "steering": "When it closed.";
    "cause" Text by "steering": "What is wrong, one sentence.";
    "culprit" Text by "steering": "Kind of part at fault: `edge`, `origin`, `encoder`, `device`, `telemetry`.";
    "name" Text by "steering": "Name of that part; NULL if it is all of that kind.";
    "cohort" Text by "steering": "The affected viewers, as text.";
    "viewers" Int by "steering": "Number of affected viewers.";
    "severity" Text by "steering": "`watch`, `degraded` or `broken`.";
    "evidence" Text by "steering": "Evidence for it, a JSON array of `{what, value, was?, bad?}`; `bad` is true where the value exceeds its limit.";
    "no_action" Text by "steering": "Why steering offers no action; NULL while an action is offered or in force.";
    "no_action_until" Time by "steering": "When that reason expires, if it does so by itself.";
    "owner" Text by "steering": "The operator who owns it.";
    "state" Text by "steering": "`open`, `acknowledged` or `closed`.";
    "notes" Text by "steering": "A JSON array of `{at, by, text}`.";
    "updated_at" Time by "steering": "When it was last updated.";
};

const ACTIONS: &[Column] = columns! {
    "tenant" Text by "steering": "Tenant whose stream it is.";
    "id" Text by "steering": "Identifies it.";
    "incident" Text by "steering": "The incident it responds to.";
    "at" Time by "steering": "When it was decided: offered, or taken at once.";
    "taken_at" Time by "steering": "When it came into force; NULL if it never did.";
    "kind" Text by "steering": "What it does, such as `shift_edge`.";
    "target" Text by "steering": "The part it acts on.";
    "to" Text by "steering": "Destination of the viewers.";
    "share" Dec by "steering": "Share of the target's viewers that it affects, 0 to 1.";
    "viewers" Int by "steering": "Number of viewers that it affects.";
    "load_after" Dec by "steering": "Share of the destination's nominal capacity in use afterwards, 0 to 1.";
    "title" Text by "steering": "The action in one sentence.";
    "evidence" Text by "steering": "Reasons, a JSON array of `{what, value, was?, bad?}`.";
    "forecast" Text by "steering": "The expected result.";
    "undo" Text by "steering": "How it is undone.";
    "undo_of" Text by "steering": "The action that this one undoes.";
    "state" Text by "steering": "`offered`, `taken`, `undone`, `dismissed` or `ended`.";
    "acts_at" Time by "steering": "When an offer is taken automatically; NULL if it needs a click.";
    "outcome" Text by "steering": "The result, one sentence.";
    "by" Text by "steering": "Who acted: `steering`, or the operator's name.";
    "updated_at" Time by "steering": "When it was last updated.";
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
