//! What was found to be wrong and what was done about it: incidents and actions. They are
//! records of the log like any other, so that a chart, a query and a post-mortem speak of the
//! same ones. A record is absolute: the newest of an id replaces the ones before it.

pub mod view;

use serde::{Deserialize, Serialize};

/// Which part is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Culprit {
    /// An edge.
    Edge,
    /// The origin, or what all edges have in common.
    Origin,
    /// An encoder with its packager.
    Encoder,
    /// A group of players that share a device.
    Device,
    /// The telemetry itself: we are blind.
    Telemetry,
}

/// How bad it is; the pages' three steps away from normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Watch,
    /// Viewers notice.
    Degraded,
    /// Viewers leave.
    Broken,
}

/// Where an incident is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Seen, nobody has taken it.
    Open,
    /// Somebody owns it.
    Acknowledged,
    /// Over.
    Closed,
}

/// An incident: the row of table `incidents`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Whose stream.
    pub tenant: String,
    /// Names it, such as `edge-e1-1764103200`.
    pub id: String,
    /// When it was recognised.
    pub opened_at: i64,
    /// When its first symptom was, by event time.
    #[serde(default)]
    pub symptom_at: Option<i64>,
    /// Since when it has been well, while it is open still.
    #[serde(default)]
    pub well_since: Option<i64>,
    /// When it will be over if that lasts; absent while its viewers are still elsewhere.
    #[serde(default)]
    pub closes_at: Option<i64>,
    /// When it was over.
    #[serde(default)]
    pub closed_at: Option<i64>,
    /// What is wrong, one sentence: `Edge e1 answers slowly`.
    pub cause: String,
    /// Which kind of part.
    pub culprit: Culprit,
    /// Which one of that kind, such as `e1`, `A` or `tv-x900`; absent when all.
    #[serde(default)]
    pub name: Option<String>,
    /// Whom it hits: `viewers of edge e1`.
    pub cohort: String,
    /// Viewers hit when this record was written.
    pub viewers: i64,
    /// How bad.
    pub severity: Severity,
    /// What speaks for it: a JSON array of `{"what", "value", "was"?, "bad"?}`, all strings but
    /// `bad`, which is true where the value breaks its limit.
    pub evidence: String,
    /// Why steering offers nothing to do about it; absent while something is offered or in force.
    #[serde(default)]
    pub no_action: Option<String>,
    /// Until when that reason holds, where it ends by itself.
    #[serde(default)]
    pub no_action_until: Option<i64>,
    /// Who takes care of it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Where it is in its life.
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
    /// Moves a share of an edge's viewers to another.
    ShiftEdge,
    /// Brings an edge's viewers back.
    ReturnEdge,
    /// Keeps a share of an edge's viewers on the low rungs.
    CapLadder,
    /// Has the origin ignore a pipeline.
    MaskPipeline,
    /// Takes a mask away.
    UnmaskPipeline,
    /// Changes the mode of steering.
    SetMode,
}

/// Where an action is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Offered: nothing happens before a click (or `acts_at`).
    Offered,
    /// In force.
    Taken,
    /// Taken back.
    Undone,
    /// Turned down, or the reason went away before it was taken.
    Dismissed,
    /// Over: what it was for has ended.
    Ended,
}

/// An action: the row of table `actions`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionRow {
    /// Whose stream.
    pub tenant: String,
    /// Names it.
    pub id: String,
    /// The incident it answers.
    #[serde(default)]
    pub incident: Option<String>,
    /// When it was decided: offered, or taken at once.
    pub at: i64,
    /// Since when it is, or was, in force; absent when it never was.
    #[serde(default)]
    pub taken_at: Option<i64>,
    /// What it does.
    pub kind: ActionKind,
    /// The part it acts on, such as `e1` or `A`.
    pub target: String,
    /// Where viewers go, such as `e2`.
    #[serde(default)]
    pub to: Option<String>,
    /// Share of the target's viewers that it concerns, 0 to 1.
    pub share: f64,
    /// Viewers that it concerns.
    pub viewers: i64,
    /// Share of the destination's nominal capacity in use after it, 0 to 1.
    #[serde(default)]
    pub load_after: Option<f64>,
    /// What is done, one sentence: `Move 40 of 61 viewers from e1 to e2`.
    pub title: String,
    /// Why: a JSON array as in [`IncidentRow::evidence`].
    pub evidence: String,
    /// What it should give, one sentence.
    pub forecast: String,
    /// How it is undone, one sentence; absent when it cannot be.
    #[serde(default)]
    pub undo: Option<String>,
    /// The action that this one takes back.
    #[serde(default)]
    pub undo_of: Option<String>,
    /// Where it is in its life.
    pub state: ActionState,
    /// When an offer is taken by itself; absent when only a click takes it.
    #[serde(default)]
    pub acts_at: Option<i64>,
    /// What then happened, one sentence.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Who: `steering`, or the operator's name.
    pub by: String,
    /// When this record was written.
    pub updated_at: i64,
}
