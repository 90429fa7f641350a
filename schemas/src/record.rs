//! The kinds of part that a log entry is made of, and the names of the topics.

/// Topic of everything received: player and delivery events, the collector's fates, ticks.
pub const EVENTS: &str = "events";
/// Topic of everything computed: rows and progress.
pub const ROWS: &str = "rows";

/// What a part of a log entry holds. Numbers are stored on disk and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum Kind {
    /// Arrow batch of player events ([`crate::player`]).
    Player = 1,
    /// Arrow batch of [`crate::delivery::DeliveryEvent`], with its tenant.
    Delivery = 2,
    /// Arrow batch of [`crate::fates::FateCount`] decided by the collector.
    DoorFates = 3,
    /// No payload: advances log time while nothing is received.
    Tick = 4,
    /// Arrow batch of [`crate::control::ActionRow`], in both topics.
    Actions = 5,
    /// Arrow batch of [`crate::control::IncidentRow`], in both topics.
    Incidents = 6,
    /// Arrow batch of [`crate::infra::InfraMetric`].
    InfraMetrics = 7,
    /// Arrow batch of [`crate::dead::DeadLetter`], from the collector.
    DeadLetters = 8,
    /// Arrow batch of [`crate::rows::PlaybackRow`].
    Playback = 16,
    /// Arrow batch of [`crate::rows::DeliveryRow`].
    DeliveryRows = 17,
    /// Arrow batch of [`crate::rows::FatesRow`].
    FatesRows = 18,
    /// Arrow batch of [`crate::rows::ProgressRow`].
    Progress = 19,
}

impl Kind {
    /// The number stored in the log.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The kind of a stored number; `None` for one written by a later version.
    pub fn from_code(code: u16) -> Option<Self> {
        use Kind::{
            Actions, DeadLetters, Delivery, DeliveryRows, DoorFates, FatesRows, Incidents,
            InfraMetrics, Playback, Player, Progress, Tick,
        };
        [Player, Delivery, DoorFates, Tick, Actions, Incidents, InfraMetrics]
            .into_iter()
            .chain([DeadLetters, Playback, DeliveryRows, FatesRows, Progress])
            .find(|kind| kind.code() == code)
    }
}
