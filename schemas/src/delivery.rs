//! Reports of media services: one event for each PUT, GET and choice.

use serde::{Deserialize, Serialize};

/// The largest distance of a copy from its due time, in either direction, µs: one day. A larger
/// one means that the encoder's clock is wrong, so it says nothing.
pub const MOST_LATE_US: i64 = 86_400_000_000;

/// The kind of service that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The encoder's packager.
    Packager,
    /// The origin.
    Origin,
    /// An edge.
    Edge,
    /// Manifests and steering.
    Steering,
}

impl Service {
    /// The word used in rows and dimensions.
    pub fn as_str(self) -> &'static str {
        match self {
            Service::Packager => "packager",
            Service::Origin => "origin",
            Service::Edge => "edge",
            Service::Steering => "steering",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An object was stored.
    Put,
    /// An object was served, or refused.
    Get,
    /// The origin fixed which pipeline's copy, or the slate, is served as segment K.
    Choice,
    /// How much of its capacity an edge has reserved.
    Load,
}

impl Action {
    /// The word used in rows and dimensions.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Put => "put",
            Action::Get => "get",
            Action::Choice => "choice",
            Action::Load => "load",
        }
    }
}

/// One delivery event. `(source, boot, seq)` identifies it, so a retried report counts once.
/// Unknown fields are ignored, since a newer version may have stored more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryEvent {
    /// The reporting process, such as `edge-e1`.
    pub source: String,
    /// A number that changes at each start of that process, with which a new sequence begins.
    pub boot: u64,
    /// 0, 1, 2, … within a boot.
    pub seq: u64,
    /// When it happened, Unix µs by the reporter's clock.
    pub ts: i64,
    /// The kind of reporter.
    pub service: Service,
    /// What happened.
    pub action: Action,
    /// Stream name, such as `demo`.
    pub stream: String,
    /// Track name, such as `v-360`; empty for a manifest.
    #[serde(default)]
    pub track: String,
    /// Segment number; absent for init segments and manifests.
    #[serde(default)]
    pub k: Option<u64>,
    /// HTTP status sent.
    pub status: u16,
    /// Body bytes sent or received.
    pub bytes: u64,
    /// Request received to first body byte ready, µs.
    #[serde(default)]
    pub ttfb_us: u64,
    /// The part of `ttfb_us` spent waiting for the schedule, µs.
    #[serde(default)]
    pub held_us: u64,
    /// Served from cache, or by joining a fetch in progress; absent where there is no cache.
    #[serde(default)]
    pub hit: Option<bool>,
    /// The edge's name, if an edge reports.
    #[serde(default)]
    pub edge: Option<String>,
    /// The pipeline that produced the copy: `A`, `slate`; absent when unknown.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// The player's session, when the request carried CMCD with one.
    #[serde(default)]
    pub sid: Option<String>,
    /// The content id that the request carried.
    #[serde(default)]
    pub cid: Option<String>,
    /// Capacity that an edge has reserved for its sessions, kbit/s; only with [`Action::Load`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_kbps: Option<u64>,
    /// Capacity that an edge may reserve, kbit/s; only with [`Action::Load`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_kbps: Option<u64>,
    /// Sessions that an edge has seen in the last seconds; only with [`Action::Load`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// How long after the segment's due time the origin received or chose a copy, µs; negative
    /// if before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_us: Option<i64>,
    /// A defect of the copy that the packager knows of, one word, such as `frozen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
}
