//! Feeds a partition, and keeps its rows as a reader does.

use std::collections::BTreeMap;

use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{
    Cell, Cuboid, DeliveryRow, FatesRow, Measures, PlaybackRow, TopicRows,
};
use tallylight_schemas::session::SessionRow;
use tallylight_schemas::sketch::Sketch;
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::PartitionState;
use tallylight_stream_processor::pure::settle::{Settle, Settled};

/// A Unix time at a whole minute, ms.
pub const T0: i64 = 1_795_000_020_000;

/// A player's record; times are ms after [`T0`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beacon {
    pub sid: String,
    pub ts: i64,
    pub sn: u64,
    pub e: &'static str,
    pub sta: Option<&'static str>,
    pub br: Option<i64>,
    pub mtp: Option<i64>,
    pub lb: Option<i64>,
    pub ltc: Option<i64>,
    pub cid: Option<&'static str>,
    pub device: Option<&'static str>,
    pub bg: Option<bool>,
    pub ec: Option<&'static str>,
    /// Arrival after `ts`.
    pub delay: i64,
    pub request: bool,
    pub ot: Option<&'static str>,
    pub su: Option<bool>,
    pub bs: Option<bool>,
    pub pr: Option<f64>,
    /// The player does not number its records.
    pub unnumbered: bool,
    /// The source that reported the request, if the player did not send it itself.
    pub reported_by: Option<&'static str>,
    pub pb: Option<i64>,
    pub bsa: Option<i64>,
    pub bsda: Option<i64>,
    pub dfa: Option<i64>,
}

impl Beacon {
    pub fn input(&self) -> PlayerInput<'_> {
        PlayerInput {
            tenant: "demo",
            sid: &self.sid,
            request: self.request,
            source: self.reported_by,
            received_ms: T0 + self.ts + self.delay,
            ts: (!self.request).then_some(T0 + self.ts),
            sn: (!self.unnumbered).then_some(self.sn),
            digest: self.sn,
            e: (!self.e.is_empty()).then_some(self.e),
            sta: self.sta,
            cid: self.cid,
            br_kbps: self.br,
            pb_kbps: self.pb,
            bsa: self.bsa,
            bsda_ms: self.bsda,
            dfa: self.dfa,
            mtp_kbps: self.mtp,
            lb_kbps: self.lb,
            ltc_ms: self.ltc,
            device: self.device,
            ot: self.ot,
            su: self.su,
            bs: self.bs,
            pr: self.pr,
            bg: self.bg,
            ec: self.ec.map(Into::into),
            ..PlayerInput::default()
        }
    }
}

/// An edge's report of a request of a session; times are ms after [`T0`].
pub fn served(sid: &str, seq: u64, at: i64, edge: &str, pipeline: &str) -> TenantDelivery {
    let event = DeliveryEvent {
        source: format!("edge-{edge}"),
        boot: 1,
        seq,
        ts: (T0 + at) * 1_000,
        service: Service::Edge,
        action: Action::Get,
        stream: "demo".into(),
        track: "v-360".into(),
        k: Some(7),
        status: 200,
        bytes: 1_000,
        ttfb_us: 30_000,
        held_us: 10_000,
        hit: Some(true),
        edge: Some(edge.into()),
        pipeline: Some(pipeline.into()),
        sid: Some(sid.into()),
        cid: None,
        reserved_kbps: None,
        capacity_kbps: None,
        sessions: None,
        late_us: None,
        defect: None,
    };
    TenantDelivery { tenant: "demo".into(), received_at: (T0 + at + 50) * 1_000, event }
}

#[derive(Debug, Clone)]
pub enum Item {
    Beacon(Beacon),
    Served(TenantDelivery),
}

impl Item {
    /// Event time, ms after [`T0`].
    pub fn at(&self) -> i64 {
        match self {
            Item::Beacon(beacon) => beacon.ts,
            Item::Served(reported) => reported.event.ts / 1_000 - T0,
        }
    }
}

/// A reader's copy of the rows: the newest version of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    pub playback: BTreeMap<(Cuboid, Cell, i64), PlaybackRow>,
    pub delivery: Vec<DeliveryRow>,
    pub fates: Vec<FatesRow>,
}

pub type Key = (Cuboid, Cell, i64);
pub type Value = (Measures, Sketch, Sketch);

impl Book {
    pub fn take(&mut self, rows: TopicRows) {
        for row in rows.playback {
            let key = (row.cuboid, row.cell.clone(), row.pane / 1_000 - T0);
            let old = self.playback.insert(key, row.clone());
            assert!(old.is_none_or(|old| old.version < row.version), "a version was repeated");
        }
        self.delivery.extend(rows.delivery);
        self.fates.extend(rows.fates);
    }

    /// The rows that are not empty.
    pub fn values(&self) -> BTreeMap<Key, Value> {
        let value = |row: &PlaybackRow| {
            (row.measures, row.startup_sketch.clone(), row.latency_sketch.clone())
        };
        let empty = (Measures::default(), Sketch::default(), Sketch::default());
        let all = self.playback.iter().map(|(key, row)| (key.clone(), value(row)));
        all.filter(|(_, value)| *value != empty).collect()
    }

    pub fn sum(&self, cuboid: Cuboid) -> Measures {
        let mut sum = Measures::default();
        for ((of, ..), row) in &self.playback {
            if *of == cuboid {
                sum.add(&row.measures, 1);
            }
        }
        sum
    }
}

/// One partition and its reader.
#[derive(Debug, Clone)]
pub struct World {
    pub state: PartitionState,
    pub book: Book,
    /// Rows that became final, as history gets them.
    pub settled: Vec<Settled>,
    pub settle: Settle,
    pub next: u64,
    /// Rows up to this version have been written, in this run or an earlier one.
    pub covered: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::with(Limits::default())
    }
}

impl World {
    pub fn with(limits: Limits) -> Self {
        Self {
            state: PartitionState::new(0, 1, limits),
            book: Book::default(),
            settled: Vec::new(),
            settle: Settle::default(),
            next: 0,
            covered: 0,
        }
    }

    /// One entry at log time `log` (ms after [`T0`]).
    pub fn entry(&mut self, log: i64, items: &[Item]) {
        self.state.begin(self.next, (T0 + log) * 1_000);
        let both_beacons =
            |a: &Item, b: &Item| matches!((a, b), (Item::Beacon(_), Item::Beacon(_)));
        for run in items.chunk_by(both_beacons) {
            let beacon = |item: &Item| match item {
                Item::Beacon(beacon) => Some(beacon.clone()),
                Item::Served(_) => None,
            };
            let beacons: Vec<Beacon> = run.iter().filter_map(beacon).collect();
            self.state.players(&beacons.iter().map(Beacon::input).collect::<Vec<_>>());
            if let [Item::Served(reported)] = run {
                self.state.delivery(reported);
            }
        }
        self.next += 1;
        let rows = self.state.finish(self.next).topic;
        if self.next > self.covered && !rows.is_empty() {
            self.covered = self.next;
            self.settled.push(self.settle.take(rows.clone()));
            self.book.take(rows);
        }
    }

    /// Advances log time by ticks.
    pub fn tick_to(&mut self, log: i64) {
        let mut at = (self.state.log_us() / 1_000 - T0).max(0);
        while at < log {
            at = (at + 250).min(log);
            self.entry(at, &[]);
        }
    }

    pub fn beacons(&mut self, beacons: &[Beacon]) {
        for beacon in beacons {
            self.tick_to(beacon.ts + beacon.delay);
            self.entry(beacon.ts + beacon.delay, &[Item::Beacon(beacon.clone())]);
        }
    }

    pub fn sessions(&self) -> Vec<SessionRow> {
        let mut rows = self.state.session_rows("demo", None, usize::MAX);
        rows.sort_by_key(|row| (row.sid.clone(), row.epoch));
        rows
    }

    pub fn session(&self) -> SessionRow {
        let rows = self.sessions();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }
}

/// A session from `(ts, sta)`; the state `!` is an error report.
pub fn story(states: &[(i64, &'static str)]) -> Vec<Beacon> {
    let beacon = |(sn, (ts, sta)): (usize, &(i64, &'static str))| Beacon {
        sid: "one".into(),
        ts: *ts,
        sn: sn as u64,
        e: if *sta == "!" { "e" } else { "ps" },
        sta: (!sta.is_empty() && *sta != "!").then_some(*sta),
        delay: 10,
        ..Beacon::default()
    };
    states.iter().enumerate().map(beacon).collect()
}

pub fn play(states: &[(i64, &'static str)]) -> World {
    let mut world = World::default();
    world.beacons(&story(states));
    world
}
