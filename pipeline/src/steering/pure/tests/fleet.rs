//! Players, two edges, rows and a prober, in steps of half a second.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_schemas::control::{ActionRow, ActionState, IncidentRow, IncidentState};

use crate::origin::CopyState;
use crate::steering::pure::answer::answer;
use crate::steering::pure::decide::decide;
use crate::steering::pure::inputs::{
    Copy, Edge, Feed, Found, Inputs, Load, Moves, Pipeline, Probe, Second,
};
use crate::steering::pure::share::{Pathway, Routes};
use crate::steering::pure::state::{Effect, Policy, State};
use crate::steering::settings::Mode;

/// The bitrate of a viewer on the top rung, kbps.
pub(super) const EACH: u64 = 772;
const STEP: i64 = 500;
pub(super) const T0: i64 = 1_795_000_000_000;

#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) sid: String,
    pub(super) at: String,
    phase: i64,
    assigned: Pathway,
    /// When steering last changed its edge, ms. Its player follows within the 5 s of a TTL.
    pub(super) moves: Vec<i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Ill {
    pub(super) slow_ms: i64,
    pub(super) dead: bool,
    /// The part of its capacity that other customers take.
    pub(super) others_kbps: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Fleet {
    pub(super) now: i64,
    pub(super) state: State,
    pub(super) viewers: Vec<Viewer>,
    pub(super) ill: BTreeMap<String, Ill>,
    pub(super) origin_slow: i64,
    pub(super) feed: Feed,
    /// Whether manifests name low pathways.
    pub(super) low: bool,
    pub(super) origin_answers: bool,
    pub(super) pipelines: BTreeMap<String, Pipeline>,
    probes: BTreeMap<String, Vec<(i64, i64, bool)>>,
    seconds: BTreeMap<String, Vec<(i64, Second)>>,
    capacities: BTreeMap<String, u64>,
    /// Changes that players report, if they do.
    moves: Vec<Moves>,
    pub(super) effects: Vec<(i64, Effect)>,
    /// Which edges were closed, and when.
    pub(super) closed: BTreeSet<(i64, String)>,
    /// All inputs of the decisions, for replaying them.
    pub(super) script: Vec<(i64, Inputs)>,
}

impl Fleet {
    /// This many viewers, and edges that carry this many of them on the top rung.
    pub(super) fn new(viewers: usize, e1: u64, e2: u64) -> Self {
        let capacities = vec![("e1".to_owned(), e1 * EACH), ("e2".to_owned(), e2 * EACH)];
        let policy = Policy {
            tenant: "demo".into(),
            ttl_s: 5,
            hold_ms: 2_000,
            keep_free_pct: 0,
            capacities: capacities.clone(),
        };
        let state = State { restored: true, ..State::new(policy, Mode::Act) };
        let viewer = |n: usize| {
            let sid = format!("viewer-{n}");
            let assigned = state.routes.assigned(&sid);
            let phase = (n as i64 * 137) % 5_000;
            Viewer { at: assigned.edge.clone(), sid, phase, assigned, moves: Vec::new() }
        };
        let healthy = Feed { connected: true, age_ms: Some(900), complete: true };
        let mut fleet = Self {
            now: T0,
            viewers: (0..viewers).map(viewer).collect(),
            ill: ["e1", "e2"].map(|name| (name.to_owned(), Ill::default())).into(),
            origin_slow: 0,
            feed: healthy,
            low: true,
            origin_answers: true,
            pipelines: BTreeMap::new(),
            probes: BTreeMap::new(),
            seconds: BTreeMap::new(),
            capacities: capacities.into_iter().collect(),
            moves: Vec::new(),
            effects: Vec::new(),
            closed: BTreeSet::new(),
            script: Vec::new(),
            state,
        };
        fleet.run(20);
        assert!(fleet.effects.is_empty(), "{:?}", fleet.effects);
        fleet
    }

    pub(super) fn ill(&mut self, edge: &str) -> &mut Ill {
        self.ill.get_mut(edge).unwrap()
    }

    /// Lets this many seconds pass.
    pub(super) fn run(&mut self, seconds: i64) {
        for _ in 0..seconds * 1_000 / STEP {
            self.step();
        }
    }

    /// Lets time pass until something holds; returns ms, or fails after `most` seconds.
    pub(super) fn until(&mut self, most: i64, holds: impl Fn(&Self) -> bool) -> i64 {
        let began = self.now;
        while !holds(self) {
            assert!(
                self.now - began < most * 1_000,
                "not within {most} s: {:#?}",
                self.state.actions
            );
            self.step();
        }
        self.now - began
    }

    fn step(&mut self) {
        self.now += STEP;
        self.players();
        if (self.now - T0) % 1_000 == 0 {
            self.rows();
        }
        let inputs = self.inputs();
        let (state, effects) = decide(self.state.clone(), &inputs, self.now);
        self.script.push((self.now, inputs));
        self.state = state;
        let closed = self.state.routes.edges().filter(|edge| self.state.routes.is_closed(edge));
        self.closed.extend(closed.map(|edge| (self.now, edge.to_owned())));
        self.effects.extend(effects.into_iter().map(|effect| (self.now, effect)));
    }

    fn players(&mut self) {
        for viewer in &mut self.viewers {
            let assigned = self.state.routes.assigned(&viewer.sid);
            if assigned != viewer.assigned {
                // Leaving an edge that accepts no connections is not a move by steering's own
                // decision.
                if !self.state.routes.is_closed(&viewer.assigned.edge) {
                    viewer.moves.push(self.now);
                }
                viewer.assigned = assigned;
            }
            let at = self.now;
            let mut went = |viewer: &mut Viewer, to: &str, steered| {
                let from = std::mem::replace(&mut viewer.at, to.to_owned());
                if from != to {
                    let to = to.to_owned();
                    self.moves.push(Moves { at, from, to, steered, sessions: 1 });
                }
            };
            let ttl_s = i64::from(self.state.policy.ttl_s);
            // Spread over the TTL, however long it is.
            if (at + viewer.phase * ttl_s / 5) % (ttl_s * 1_000) < STEP {
                let sent = answer(&self.state, &viewer.sid, Some(&Pathway::full(&viewer.at)));
                went(viewer, &sent.edge, true);
            }
            // Its own failover, as after an error.
            if self.ill[&viewer.at].dead {
                let other = if viewer.at == "e1" { "e2" } else { "e1" };
                went(viewer, other, false);
            }
        }
    }

    /// Viewers whose requests an edge receives now.
    pub(super) fn at(&self, edge: &str) -> usize {
        self.viewers.iter().filter(|viewer| viewer.at == edge).count()
    }

    fn rows(&mut self) {
        for name in ["e1", "e2"] {
            let ill = self.ill[name].clone();
            let viewers = self.at(name) as i64;
            let slow = ill.slow_ms + self.origin_slow;
            let second = Second {
                at: self.now / 1_000 - 1,
                requests: if ill.dead { 0 } else { viewers },
                errors: 0,
                p90_ms: Some((30 + slow) as f64),
                viewers,
                rebuffering_ms: if slow > 1_000 { viewers * 100 } else { 0 },
                watched_ms: viewers * 1_000,
            };
            // A slow response is reported once it has been sent, and rows take a second.
            let known = self.now + slow + 1_000;
            self.seconds.entry(name.into()).or_default().push((known, second));
        }
        for name in ["e1", "e2", "origin"] {
            let ill = self.ill.get(name).cloned().unwrap_or_default();
            let took = 30 + ill.slow_ms + self.origin_slow;
            self.probes.entry(name.into()).or_default().push((self.now, took, ill.dead));
        }
    }

    fn probes_of(&self, name: &str) -> Vec<Probe> {
        let all = self.probes.get(name).map_or(&[][..], Vec::as_slice);
        let found = |(at, took, dead): &(i64, i64, bool)| {
            let passed = self.now - at;
            let result = match (dead, passed >= *took) {
                (true, _) => Found::Nothing,
                (_, true) => Found::Byte(*took),
                _ => Found::Waiting(passed),
            };
            Probe { at: *at, result }
        };
        all.iter().rev().take(8).rev().map(found).collect()
    }

    pub(super) fn inputs(&self) -> Inputs {
        let edge = |name: &str| {
            let seconds = self.seconds.get(name).into_iter().flatten();
            let known = seconds.filter(|(at, _)| *at <= self.now).map(|(_, second)| *second);
            let sessions = self.at(name) as i64;
            let load = Load {
                capacity_kbps: self.capacities[name],
                reserved_kbps: sessions as u64 * EACH + self.ill[name].others_kbps,
                sessions,
                reckoned: false,
            };
            let load = (!self.ill[name].dead).then_some(load);
            let seconds: Vec<Second> = known.collect();
            let seconds = seconds[seconds.len().saturating_sub(60)..].to_vec();
            (name.to_owned(), Edge { probes: self.probes_of(name), seconds, load })
        };
        let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for viewer in &self.viewers {
            let home = self.state.routes.home(&viewer.sid).to_owned();
            places.entry(home).or_default().push(Routes::place(&viewer.sid));
        }
        places.values_mut().for_each(|places| places.sort_unstable());
        let mut sent: BTreeMap<String, i64> = BTreeMap::new();
        for viewer in &self.viewers {
            *sent.entry(self.state.routes.pathway(&viewer.sid).edge).or_default() += 1;
        }
        Inputs {
            feed: self.feed.clone(),
            edges: ["e1", "e2"].map(edge).into(),
            origin: self.probes_of("origin"),
            origin_answers: self.origin_answers,
            pipelines: self.pipelines.clone(),
            devices: BTreeMap::new(),
            top_kbps: EACH,
            low: self.low,
            places,
            stands_for: 1.0,
            sent,
            moves: self.moves.clone(),
        }
    }

    pub(super) fn actions(&self, state: ActionState) -> Vec<ActionRow> {
        self.state.actions_in(&[state])
    }

    pub(super) fn open(&self) -> Vec<IncidentRow> {
        let open = |row: &&IncidentRow| row.state != IncidentState::Closed;
        self.state.incidents.values().filter(open).cloned().collect()
    }
}

/// The last twelve segments of a pipeline, some of them bad.
pub(super) fn copies(bad: &[(u64, CopyState)], served: bool) -> Pipeline {
    let copy = |k| {
        let bad = bad.iter().find(|(of, _)| *of == k).map(|(_, how)| *how);
        Copy { k, bad, bad_served: served && bad.is_some(), slate: false }
    };
    Pipeline { masked: false, copies: (0..12).map(copy).collect() }
}
