//! One playback session as the platform knows it: the row of table `sessions` and the answer
//! of the sessions API.

use serde::{Deserialize, Serialize};

/// Outcome of a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still open (even before its first frame).
    #[default]
    Playing,
    /// Ended after a first frame, without a fatal error.
    Played,
    /// Abandoned before a first frame.
    ExitBeforeStart,
    /// A fatal error before the first frame.
    StartFailed,
    /// A fatal error after the first frame.
    Failed,
}

/// A session. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Tenant whose viewer it is.
    pub tenant: String,
    /// The player's session id.
    pub sid: String,
    /// 0 for the first playback epoch of the sid, then 1, 2, ….
    pub epoch: u32,
    /// Content id.
    pub cid: Option<String>,
    /// Device as claimed, else by the request.
    pub device: Option<String>,
    /// Country as claimed, else by the address.
    pub country: Option<String>,
    /// Operating system.
    #[serde(default)]
    pub os: Option<String>,
    /// Player and its version.
    #[serde(default)]
    pub player: Option<String>,
    /// Autonomous system of the viewer's network.
    #[serde(default)]
    pub asn: Option<u32>,
    /// Edge of the newest request.
    pub edge: Option<String>,
    /// Pipeline of the newest request.
    pub pipeline: Option<String>,
    /// First `s`, or the first record that is neither a preload nor a pause.
    pub started_at: Option<i64>,
    /// First `p`, or an `r` that is the first known record while earlier ones are missing.
    pub first_frame_at: Option<i64>,
    /// When it ended, or was last seen if it fell silent.
    pub ended_at: Option<i64>,
    /// Its outcome.
    pub outcome: Outcome,
    /// `first_frame_at − started_at`, ms.
    pub startup_ms: Option<i64>,
    /// How long the viewer waited for the first frame, or until the attempt ended, ms; unknown
    /// where the startup is.
    #[serde(default)]
    pub waited_ms: Option<i64>,
    /// The player's own `msd`, ms, for cross-checking.
    pub msd_ms: Option<i64>,
    /// Time starting, ms.
    #[serde(default)]
    pub starting_ms: i64,
    /// Time playing, ms.
    pub playing_ms: i64,
    /// Time rebuffering, ms, including `repaired_rebuffering_ms`.
    pub rebuffering_ms: i64,
    /// Rebuffers after the first frame and outside seeks, including `repaired_rebuffers`.
    pub rebuffer_count: i64,
    /// Start (Unix µs) and length (ms) of the newest rebuffers, at most 32.
    pub rebuffers: Vec<(i64, i64)>,
    /// Time seeking, ms.
    pub seeking_ms: i64,
    /// Seeks after the first frame.
    #[serde(default)]
    pub seek_count: i64,
    /// The part of these times in which the player was hidden, ms.
    #[serde(default)]
    pub background_ms: i64,
    /// The part of `rebuffering_ms` in which the player was hidden, ms.
    #[serde(default)]
    pub background_rebuffering_ms: i64,
    /// Bitrate averaged over playing time, kbps.
    pub avg_bitrate_kbps: Option<i64>,
    /// Playing time of known bitrate, ms.
    #[serde(default)]
    pub bitrate_ms: i64,
    /// Σ bitrate × playing time, kbps·ms.
    #[serde(default)]
    pub bitrate_kbps_ms: i64,
    /// Changes of bitrate.
    pub switches: i64,
    /// Newest live latency, ms.
    pub live_latency_ms: Option<i64>,
    /// Newest error code.
    pub error_code: Option<String>,
    /// Current state, a CMCD `sta` token.
    pub state: Option<String>,
    /// Records accepted; reported requests count only if the player sends no event reports.
    pub events: u64,
    /// Records missing by sequence number.
    pub lost_events: u64,
    /// Records that arrived after their pane was final.
    pub late_events: u64,
    /// Newest record, Unix µs.
    pub last_seen: i64,
    /// The player never reported a state: its playback is derived from its requests.
    #[serde(default)]
    pub derived: bool,
    /// The part of `switches` to a higher bitrate.
    #[serde(default)]
    pub switches_up: i64,
    /// The part of `switches` to a lower bitrate.
    #[serde(default)]
    pub switches_down: i64,
    /// Lowest live latency reported while playing, ms.
    #[serde(default)]
    pub least_latency_ms: Option<i64>,
    /// Highest live latency reported while playing, ms.
    #[serde(default)]
    pub greatest_latency_ms: Option<i64>,
    /// Frames dropped, by the player's own count.
    #[serde(default)]
    pub dropped_frames: Option<i64>,
    /// The part of `rebuffer_count` known only from the player's own count, because records were
    /// lost; negative where that count is lower than what was seen.
    #[serde(default)]
    pub repaired_rebuffers: i64,
    /// The same for `rebuffering_ms`, ms. It is subtracted from `playing_ms`, and what is more than
    /// that from `starting_ms` if the first frame is among the lost records.
    #[serde(default)]
    pub repaired_rebuffering_ms: i64,
}

/// A span of a session in one state and one set of dimensions: the row of table
/// `session_spans`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanRow {
    /// Tenant whose viewer it is.
    pub tenant: String,
    /// The player's session id.
    pub sid: String,
    /// Number of the playback within the sid, from 0.
    pub epoch: u32,
    /// `starting`, `playing`, `rebuffering`, `seeking` or `paused`.
    pub state: String,
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Content id.
    pub cid: Option<String>,
    /// Edge of the newest request.
    pub edge: Option<String>,
    /// Pipeline of the newest request.
    pub pipeline: Option<String>,
    /// Bitrate selected, kbps.
    pub bitrate_kbps: Option<i64>,
    /// Country as claimed, else by the address.
    pub country: Option<String>,
    /// Device as claimed, else by the request.
    pub device: Option<String>,
    /// Operating system.
    #[serde(default)]
    pub os: Option<String>,
    /// Player and its version.
    #[serde(default)]
    pub player: Option<String>,
    /// Autonomous system of the viewer's network.
    #[serde(default)]
    pub asn: Option<u32>,
    /// The span has not ended; `to` is the newest record, which may be its beginning.
    #[serde(default)]
    pub open: Option<bool>,
}
