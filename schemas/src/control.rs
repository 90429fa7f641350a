//! Incidents and the actions taken against them. They are records of the log like any other, so
//! that charts, queries and post-mortems refer to the same ones. A record is absolute: the newest
//! record of an id replaces earlier ones.

pub mod view;

use serde::{Deserialize, Serialize};

/// The kind of part at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Culprit {
    /// An edge.
    Edge,
    /// The origin, or something that all edges share.
    Origin,
    /// An encoder and its packager.
    Encoder,
    /// Players on one kind of device.
    Device,
    /// The telemetry itself: there is no view of playback.
    Telemetry,
}

/// How severe an incident is; the pages show these three levels above normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth watching.
    Watch,
    /// Viewers notice.
    Degraded,
    /// Viewers leave.
    Broken,
}

/// State of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Detected, without an owner.
    Open,
    /// An operator owns it.
    Acknowledged,
    /// Over.
    Closed,
}

/// An incident: the row of table `incidents`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Tenant whose stream it is.
    pub tenant: String,
    /// Identifies it, such as `edge-e1-1764103200`.
    pub id: String,
    /// When it was detected.
    pub opened_at: i64,
    /// Event time of its first symptom.
    #[serde(default)]
    pub symptom_at: Option<i64>,
    /// Since when its part has been healthy, while it is still open.
    #[serde(default)]
    pub well_since: Option<i64>,
    /// When it closes if the part stays healthy; absent while its viewers are still elsewhere.
    #[serde(default)]
    pub closes_at: Option<i64>,
    /// When it closed.
    #[serde(default)]
    pub closed_at: Option<i64>,
    /// What is wrong, one sentence: `Edge e1 answers slowly`.
    pub cause: String,
    /// Kind of part at fault.
    pub culprit: Culprit,
    /// Name of that part, such as `e1`, `A` or `tv-x900`; absent if it is all of that kind.
    #[serde(default)]
    pub name: Option<String>,
    /// The affected viewers: `viewers of edge e1`.
    pub cohort: String,
    /// Number of affected viewers when this record was written.
    pub viewers: i64,
    /// How severe it is.
    pub severity: Severity,
    /// Evidence for it: a JSON array of `{"what", "value", "was"?, "bad"?}`, all strings except
    /// `bad`, which is true where the value exceeds its limit.
    pub evidence: String,
    /// Why steering offers no action; absent while an action is offered or in force.
    #[serde(default)]
    pub no_action: Option<String>,
    /// When that reason expires, if it does so by itself.
    #[serde(default)]
    pub no_action_until: Option<i64>,
    /// The operator who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Its state.
    pub state: IncidentState,
    /// Notes: a JSON array of `{"at" (Unix µs), "by", "text"}`.
    #[serde(default)]
    pub notes: Option<String>,
    /// When this record was written.
    pub updated_at: i64,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Moves a share of an edge's viewers to another edge.
    ShiftEdge,
    /// Brings an edge's viewers back.
    ReturnEdge,
    /// Limits a share of an edge's viewers to the low rungs.
    CapLadder,
    /// Makes the origin ignore a pipeline.
    MaskPipeline,
    /// Removes a mask.
    UnmaskPipeline,
    /// Changes the mode of steering.
    SetMode,
}

/// State of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Offered: takes effect on a click (or at `acts_at`).
    Offered,
    /// In force.
    Taken,
    /// Undone.
    Undone,
    /// Declined, or its reason went away before it was taken.
    Dismissed,
    /// Over: its reason has ended.
    Ended,
}

/// An action: the row of table `actions`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionRow {
    /// Tenant whose stream it is.
    pub tenant: String,
    /// Identifies it.
    pub id: String,
    /// The incident it responds to.
    #[serde(default)]
    pub incident: Option<String>,
    /// When it was decided: offered, or taken at once.
    pub at: i64,
    /// When it came into force; absent if it never did.
    #[serde(default)]
    pub taken_at: Option<i64>,
    /// What it does.
    pub kind: ActionKind,
    /// The part it acts on, such as `e1` or `A`.
    pub target: String,
    /// Destination of the viewers, such as `e2`.
    #[serde(default)]
    pub to: Option<String>,
    /// Share of the target's viewers that it affects, 0 to 1.
    pub share: f64,
    /// Number of viewers that it affects.
    pub viewers: i64,
    /// Share of the destination's nominal capacity in use afterwards, 0 to 1.
    #[serde(default)]
    pub load_after: Option<f64>,
    /// The action in one sentence: `Move 40 of 61 viewers from e1 to e2`.
    pub title: String,
    /// Why: a JSON array as in [`IncidentRow::evidence`].
    pub evidence: String,
    /// The expected result, one sentence.
    pub forecast: String,
    /// How it is undone, one sentence; absent when it cannot be.
    #[serde(default)]
    pub undo: Option<String>,
    /// The action that this one undoes.
    #[serde(default)]
    pub undo_of: Option<String>,
    /// Its state.
    pub state: ActionState,
    /// When an offer is taken automatically; absent if it needs a click.
    #[serde(default)]
    pub acts_at: Option<i64>,
    /// The result, one sentence.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Who acted: `steering`, or the operator's name.
    pub by: String,
    /// When this record was written.
    pub updated_at: i64,
}
