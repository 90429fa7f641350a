//! What steering remembers from one decision to the next.

use std::collections::BTreeMap;

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState, IncidentRow, IncidentState};

use super::act::is_turned_down;
use super::health::EdgeState;
use super::masks::MaskRequest;
pub use super::policy::Policy;
use super::share::Routes;
use crate::steering::settings::Mode;

/// An edge must be healthy this long before viewers are brought back, ms.
pub const BACK_MS: i64 = 30_000;
/// Records kept here; the rest are in the log.
const KEPT: usize = 200;

/// A part of a home that was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// First place.
    pub from: u32,
    /// First place after it.
    pub to: u32,
    /// When, Unix ms.
    pub at: i64,
}

/// The measures for an action's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The home edge of the viewers.
    pub edge: String,
    /// The edge at which they arrive: an edge keeps a reservation for ten seconds after a viewer
    /// left, so arrivals show sooner.
    pub to: String,
    /// When it was taken, Unix ms.
    pub at: i64,
    /// The time from which viewers may have left by their own failover, Unix ms.
    pub since: i64,
    /// Sessions there at that time.
    pub sessions: i64,
    /// Sessions that are to move.
    pub expected: i64,
    /// They return to the edge instead of leaving it.
    pub back: bool,
}

/// What changed and has to be reported or done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A record to be written.
    Incident(IncidentRow),
    /// A record to be written.
    Action(ActionRow),
    /// The origin is to ignore a pipeline, or use it again.
    Mask {
        /// Which one.
        pipeline: String,
        /// Ignore it.
        on: bool,
    },
}

/// The whole state.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Bounds and times.
    pub policy: Policy,
    /// What is done with decisions.
    pub mode: Mode,
    /// Whether what an earlier run left in the log is known: its mode, its moves, its incidents.
    pub restored: bool,
    /// Which sessions are sent where.
    pub routes: Routes,
    /// By name.
    pub edges: BTreeMap<String, EdgeState>,
    /// The newest record of each incident.
    pub incidents: BTreeMap<String, IncidentRow>,
    /// The newest record of each action.
    pub actions: BTreeMap<String, ActionRow>,
    /// Recently moved places, which are not moved again yet, by home.
    pub moved: BTreeMap<String, Vec<Moved>>,
    /// When viewers were last sent to an edge, Unix ms.
    pub sent: BTreeMap<String, i64>,
    /// The last mask request to the origin, by pipeline.
    pub masks: BTreeMap<String, MaskRequest>,
    /// Pending outcomes, by action.
    pub watches: BTreeMap<String, Watch>,
    /// Since when the part of an open incident has been less ill than the incident says, Unix ms.
    pub milder: BTreeMap<String, i64>,
    /// Since when the origin has not listed the encoder of an open incident, Unix ms.
    pub unlisted: BTreeMap<String, i64>,
    /// Since when the rows cannot be trusted, Unix ms.
    pub blind_since: Option<i64>,
    /// Number of actions so far, for their ids.
    pub count: u64,
}

impl State {
    /// The initial state.
    pub fn new(policy: Policy, mode: Mode) -> Self {
        let edges = policy.capacities.iter().map(|(name, _)| (name.clone(), EdgeState::default()));
        Self {
            mode,
            restored: false,
            routes: Routes::new(policy.capacities.clone()),
            edges: edges.collect(),
            incidents: BTreeMap::new(),
            actions: BTreeMap::new(),
            moved: BTreeMap::new(),
            sent: BTreeMap::new(),
            masks: BTreeMap::new(),
            watches: BTreeMap::new(),
            milder: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            blind_since: None,
            count: 0,
            policy,
        }
    }

    /// Stores an action's record and reports it.
    pub fn put_action(&mut self, mut row: ActionRow, now_ms: i64, out: &mut Vec<Effect>) {
        row.updated_at = later(self.actions.get(&row.id).map(|old| old.updated_at), now_ms);
        if matches!(row.state, ActionState::Taken | ActionState::Ended) {
            row.taken_at.get_or_insert(now_ms * 1_000);
        }
        out.push(Effect::Action(row.clone()));
        self.actions.insert(row.id.clone(), row);
        while self.actions.len() > KEPT {
            let over = |row: &&ActionRow| {
                !matches!(row.state, ActionState::Taken | ActionState::Offered) && !self.is_no(row)
            };
            let oldest = self.actions.values().filter(over).min_by_key(|row| row.at);
            let Some(id) = oldest.map(|row| row.id.clone()) else { return };
            self.actions.remove(&id);
        }
    }

    /// Stores an incident's record and reports it.
    pub fn put_incident(&mut self, mut row: IncidentRow, now_ms: i64, out: &mut Vec<Effect>) {
        row.updated_at = later(self.incidents.get(&row.id).map(|old| old.updated_at), now_ms);
        // A record is absolute: of one decision only the last record is reported.
        let same =
            |effect: &&mut Effect| matches!(effect, Effect::Incident(old) if old.id == row.id);
        match out.iter_mut().find(same) {
            Some(effect) => *effect = Effect::Incident(row.clone()),
            None => out.push(Effect::Incident(row.clone())),
        }
        self.incidents.insert(row.id.clone(), row);
        while self.incidents.len() > KEPT {
            let over = |row: &&IncidentRow| row.state == IncidentState::Closed;
            let oldest = self.incidents.values().filter(over).min_by_key(|row| row.opened_at);
            let Some(id) = oldest.map(|row| row.id.clone()) else { return };
            self.incidents.remove(&id);
        }
    }

    /// The open incident with this key: its id is the key and a time.
    pub fn open(&self, key: &str) -> Option<&IncidentRow> {
        let of = |row: &&IncidentRow| {
            row.state != IncidentState::Closed
                && row.id.rsplit_once('-').is_some_and(|(of, _)| of == key)
        };
        self.incidents.values().find(of)
    }

    /// Whether the incident that an action is about is still open.
    pub fn is_open(&self, row: &ActionRow) -> bool {
        let incident = row.incident.as_ref().and_then(|id| self.incidents.get(id));
        incident.is_some_and(|incident| incident.state != IncidentState::Closed)
    }

    /// Whether an action is a rejection that still holds: its incident is open, and an operator
    /// turned it down or used the masked pipeline again.
    pub fn is_no(&self, row: &ActionRow) -> bool {
        let unmasked = row.kind == ActionKind::MaskPipeline && row.state == ActionState::Ended;
        (is_turned_down(row) || unmasked) && self.is_open(row)
    }

    /// Whether it offers anything: it knows what was decided before it started, and the mode allows
    /// it.
    pub fn offers(&self) -> bool {
        self.restored && self.mode != Mode::Observe
    }

    /// Whether a session's place was moved or brought back by an action that is known here.
    pub fn has_moved(&self, sid: &str) -> bool {
        let (home, place) = (self.routes.home(sid), Routes::place(sid));
        let slices = self.routes.slices(home).iter().map(|slice| (slice.from, slice.to));
        let moved = self.moved.get(home).into_iter().flatten().map(|moved| (moved.from, moved.to));
        slices.chain(moved).any(|(from, to)| (from..to).contains(&place))
    }

    /// Actions in one of these states.
    pub fn actions_in(&self, states: &[ActionState]) -> Vec<ActionRow> {
        self.actions.values().filter(|row| states.contains(&row.state)).cloned().collect()
    }

    /// What was offered or done about an incident.
    pub fn actions_about<'a>(&'a self, incident: &'a str) -> impl Iterator<Item = &'a ActionRow> {
        self.actions.values().filter(move |row| row.incident.as_deref() == Some(incident))
    }

    /// Remembers moved places, and forgets those that were moved long ago.
    pub fn note_moved(&mut self, home: &str, places: &[(u32, u32)], now_ms: i64) {
        let once_ms = self.policy.once_ms();
        let moved = self.moved.entry(home.to_owned()).or_default();
        moved.retain(|moved| now_ms - moved.at < once_ms);
        moved.extend(places.iter().map(|(from, to)| Moved { from: *from, to: *to, at: now_ms }));
    }

    /// Whether an operator brought an edge's viewers back although it is still ill: by undoing a
    /// move about its open incident, or any other move while it was open. Capped viewers had not
    /// left: undoing a cap says nothing about the edge.
    pub fn is_insisted(&self, edge: &str) -> bool {
        let opened_at = self.open(&format!("edge-{edge}")).map(|incident| incident.opened_at);
        self.actions.values().any(|row| {
            row.kind == ActionKind::ShiftEdge
                && row.target == edge
                && row.state == ActionState::Undone
                && (self.is_open(row) || opened_at.is_some_and(|at| at <= row.updated_at))
        })
    }

    /// Whether an operator did so at this time (Unix ms) or later. The record's time does not tell:
    /// it is written again and again.
    pub fn is_insisted_since(&self, edge: &str, since_ms: i64) -> bool {
        let insisted_at = self.edges.get(edge).and_then(|edge| edge.insisted_at);
        insisted_at.is_some_and(|at| at >= since_ms) && self.is_insisted(edge)
    }

    /// Whether none of these was moved within [`Policy::once_ms`].
    pub fn may_move(&self, home: &str, places: &[(u32, u32)], now_ms: i64) -> bool {
        let recent = |moved: &Moved| {
            now_ms - moved.at < self.policy.once_ms()
                && places.iter().any(|(from, to)| moved.from < *to && *from < moved.to)
        };
        !self.moved.get(home).is_some_and(|moved| moved.iter().any(recent))
    }

    /// Whether an edge was sent viewers so recently that its load does not show them all.
    pub fn settles(&self, edge: &str, now_ms: i64) -> bool {
        self.sent.get(edge).is_some_and(|at| now_ms - at < self.policy.settle_ms())
    }

    /// The nominal capacity of an edge, kbps.
    pub fn capacity(&self, edge: &str) -> u64 {
        self.policy.capacities.iter().find(|(name, _)| name == edge).map_or(0, |(_, kbps)| *kbps)
    }
}

/// A record replaces the one before it only when it was written later.
fn later(before: Option<i64>, now_ms: i64) -> i64 {
    (now_ms * 1_000).max(before.map_or(i64::MIN, |at| at.saturating_add(1)))
}

/// A mode by its name.
pub fn mode_of(word: &str) -> Option<Mode> {
    match word {
        "observe" => Some(Mode::Observe),
        "advise" => Some(Mode::Advise),
        "act" => Some(Mode::Act),
        _ => None,
    }
}

/// The name of a mode.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Advise => "advise",
        Mode::Act => "act",
    }
}
