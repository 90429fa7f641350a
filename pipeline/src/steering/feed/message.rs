//! The messages of the feed, limited to what steering reads.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A message.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::steering) enum Incoming {
    /// The first one.
    Hello(Hello),
    /// Rows of a snapshot, or changed rows.
    Rows(Box<Rows>),
    /// How complete and how old the rows are.
    Status(Status),
    /// A message type of a later version.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(in crate::steering) struct Hello {
    pub(super) session: String,
    #[serde(default)]
    pub(super) resumed: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::steering) struct Rows {
    pub(super) seq: u64,
    pub(super) snapshot: bool,
    pub(super) more: bool,
    pub(super) playback: Vec<Playback>,
    pub(super) delivery: Vec<Delivery>,
    pub(super) actions: Vec<Value>,
    pub(super) incidents: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Playback {
    pub(super) cuboid: String,
    pub(super) pane: i64,
    pub(super) cell: Cell,
    pub(super) m: BTreeMap<String, i64>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub(super) struct Cell {
    pub(super) content: Option<String>,
    pub(super) edge: Option<String>,
    pub(super) pipeline: Option<String>,
    pub(super) country: Option<String>,
    pub(super) device: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delivery {
    pub(super) pane: i64,
    pub(super) service: String,
    pub(super) edge: Option<String>,
    pub(super) pipeline: Option<String>,
    pub(super) stream: String,
    pub(super) track: String,
    pub(super) k: Option<u64>,
    pub(super) action: String,
    pub(super) requests: i64,
    pub(super) server_errors: i64,
    pub(super) ttfb: Vec<(i32, i64)>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::steering) struct Status {
    pub(super) partitions: u16,
    pub(super) reporting: u16,
    pub(super) log_time: Option<i64>,
    pub(super) marks: BTreeMap<String, i64>,
}
