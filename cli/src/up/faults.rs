//! The fault switches of a running demo: which exist, which are on, and which child receives them.
//! They break real parts; nothing that detects or decides reads them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tallylight_pipeline::edge;
use tallylight_schemas::clock::Clock;
use tokio::sync::watch;

use crate::faults::Switch;

/// The amount of a fault.
#[derive(Debug)]
struct Amount {
    /// The default.
    usual: u64,
    /// The limit of the edge.
    most: u64,
    said: fn(u64) -> String,
}

/// How much slower an edge gets, ms.
const SLOW: Amount = Amount {
    usual: 1_500,
    most: edge::Faults::SLOWEST_MS,
    said: |ms| format!("slow {} s", Duration::from_millis(ms).as_secs_f64()),
};

/// How much of an edge's capacity other traffic takes, per cent.
const OVERLOAD: Amount = Amount {
    usual: 95,
    most: edge::Faults::ALL_PERCENT,
    said: |percent| format!("overload {percent} %"),
};

/// A switch as `GET /v1/faults` lists it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Listed {
    /// The child it breaks.
    pub(super) target: String,
    /// What breaks.
    pub(super) fault: &'static str,
    /// For a button, with the amount.
    pub(super) title: String,
    pub(super) on: bool,
    /// Since when, Unix ms.
    pub(super) since: Option<i64>,
    /// The amount while it is on, or that it would have.
    pub(super) value: Option<u64>,
}

impl Listed {
    /// The amount in the request, or the default.
    fn value_of(&self, turn: &Turn) -> Result<Option<u64>, String> {
        match (amount(self.fault), turn.value) {
            (None, Some(_)) => Err(format!("the fault {:?} takes no value", turn.fault)),
            (Some(amount), Some(value)) if value > amount.most => {
                Err(format!("value {value}: {} at most", amount.most))
            }
            (Some(_), Some(0)) if turn.on => Err("value 0 is off".to_owned()),
            (Some(amount), value) => Ok(value.filter(|_| turn.on).or(Some(amount.usual))),
            (None, None) => Ok(None),
        }
    }

    fn set(&mut self, value: Option<u64>) {
        self.value = value;
        if let (Some(amount), Some(value)) = (amount(self.fault), value) {
            self.title = (amount.said)(value);
        }
    }
}

/// What `POST /v1/faults` asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    pub(super) target: String,
    pub(super) fault: String,
    pub(super) on: bool,
    #[serde(default)]
    pub(super) value: Option<u64>,
}

/// The state that a child is to be in; its supervisor establishes it, again after each restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// The child is kept from running.
    pub(super) held: bool,
    /// Faults that are on, with their values.
    pub(super) on: BTreeMap<&'static str, Option<u64>>,
    /// How often each momentary fault was requested.
    pub(super) moments: BTreeMap<&'static str, u64>,
}

impl Orders {
    /// The switches that a child which was sent `before` has not received yet.
    pub(super) fn since(&self, before: &Orders) -> Vec<Switch> {
        let line = |fault: &str, on, value| Switch { fault: fault.to_owned(), on, value };
        let ended = before.on.keys().filter(|fault| !self.on.contains_key(*fault));
        let begun = self.on.iter().filter(|(fault, value)| before.on.get(*fault) != Some(value));
        let moments =
            self.moments.iter().filter(|(fault, n)| before.moments.get(*fault) != Some(n));
        ended
            .map(|fault| line(fault, false, None))
            .chain(begun.map(|(fault, value)| line(fault, true, *value)))
            .chain(moments.map(|(fault, _)| line(fault, true, None)))
            .collect()
    }
}

/// All switches.
#[derive(Debug)]
pub(super) struct Faults {
    clock: Arc<dyn Clock>,
    switches: Mutex<Vec<Listed>>,
    orders: BTreeMap<String, watch::Sender<Orders>>,
}

/// The switches that a child of this name has: fault and title.
fn of(child: &str) -> &'static [(&'static str, &'static str)] {
    match child.split_once('-').map_or(child, |(kind, _)| kind) {
        "encoder" => &[("kill", "kill"), ("freeze", "freeze picture"), ("drop", "drop a segment")],
        "origin" => &[("kill", "kill")],
        "edge" => &[("kill", "kill"), ("slow", "slow"), ("overload", "overload")],
        "audience" => &[("stuck_tv", "one TV model cannot switch")],
        _ => &[],
    }
}

fn amount(fault: &str) -> Option<&'static Amount> {
    match fault {
        "slow" => Some(&SLOW),
        "overload" => Some(&OVERLOAD),
        _ => None,
    }
}

/// Faults that happen once and are over.
const MOMENTARY: &str = "drop";
/// The fault that the supervisor itself carries out.
const KILL: &str = "kill";

impl Faults {
    /// The switches of these children.
    pub(super) fn new(clock: Arc<dyn Clock>, children: &[String]) -> Self {
        let all = children.iter().flat_map(|child| {
            of(child).iter().map(|(fault, title)| {
                let (target, title) = (child.clone(), (*title).to_owned());
                let mut listed =
                    Listed { target, fault, title, on: false, since: None, value: None };
                listed.set(amount(fault).map(|amount| amount.usual));
                listed
            })
        });
        let orders = children.iter().map(|child| (child.clone(), watch::Sender::default()));
        Self { clock, switches: Mutex::new(all.collect()), orders: orders.collect() }
    }

    /// The orders of a child, now and whenever they change.
    pub(super) fn orders(&self, child: &str) -> watch::Receiver<Orders> {
        self.orders
            .get(child)
            .map_or_else(|| watch::channel(Orders::default()).1, |to| to.subscribe())
    }

    /// All switches.
    pub(super) fn list(&self) -> Vec<Listed> {
        self.switches.lock().clone()
    }

    /// Turns a switch; the error says what is wrong with the request.
    pub(super) fn turn(&self, turn: &Turn) -> Result<Vec<Listed>, String> {
        let mut switches = self.switches.lock();
        let found = switches.iter_mut().find(|s| s.target == turn.target && s.fault == turn.fault);
        let Some(switch) = found else {
            return Err(format!("{} has no fault {:?}; GET lists all", turn.target, turn.fault));
        };
        switch.set(switch.value_of(turn)?);
        let moment = switch.fault == MOMENTARY;
        switch.on = turn.on && !moment;
        switch.since = switch.on.then(|| switch.since.unwrap_or(self.clock.now_us() / 1_000));
        let (fault, on, value) = (switch.fault, switch.on, switch.value);
        if let Some(orders) = self.orders.get(&turn.target) {
            orders.send_modify(|orders| match fault {
                KILL => orders.held = on,
                MOMENTARY if turn.on => *orders.moments.entry(MOMENTARY).or_default() += 1,
                MOMENTARY => {}
                _ if on => drop(orders.on.insert(fault, value)),
                _ => drop(orders.on.remove(fault)),
            });
        }
        Ok(switches.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::clock::ManualClock;

    fn turn(target: &str, fault: &str, on: bool, value: Option<u64>) -> Turn {
        Turn { target: target.into(), fault: fault.into(), on, value }
    }

    #[test]
    fn a_switch_that_is_turned_becomes_an_order() {
        let names = ["data", "encoder-a", "edge-e1"].map(String::from);
        let faults = Faults::new(Arc::new(ManualClock::at_us(7_000_000)), &names);
        assert_eq!(faults.list().len(), 6);
        let (edge, encoder) = (faults.orders("edge-e1"), faults.orders("encoder-a"));
        let list = faults.turn(&turn("edge-e1", "slow", true, Some(900))).unwrap();
        let slow = list.iter().find(|one| one.fault == "slow").unwrap();
        assert_eq!((slow.on, slow.since, slow.value), (true, Some(7_000), Some(900)));
        assert_eq!(edge.borrow().on, BTreeMap::from([("slow", Some(900))]));
        faults.turn(&turn("edge-e1", "slow", false, None)).unwrap();
        assert_eq!(*edge.borrow(), Orders::default());

        faults.turn(&turn("encoder-a", "kill", true, None)).unwrap();
        let list = faults.turn(&turn("encoder-a", "drop", true, None)).unwrap();
        let on: Vec<_> =
            list.iter().filter(|one| one.on).map(|one| (one.target.as_str(), one.fault)).collect();
        assert_eq!(on, [("encoder-a", "kill")], "a moment is over");
        assert_eq!((encoder.borrow().held, encoder.borrow().moments["drop"]), (true, 1));
        let lines = |before: &Orders| {
            let since = encoder.borrow().since(before);
            since.into_iter().map(|one| (one.fault, one.on)).collect::<Vec<_>>()
        };
        assert_eq!(lines(&Orders::default()), [("drop".to_owned(), true)]);
        assert_eq!(lines(&encoder.borrow().clone()), []);
        let frozen = BTreeMap::from([("freeze", None)]);
        let before = Orders { on: frozen, ..encoder.borrow().clone() };
        assert_eq!(lines(&before), [("freeze".to_owned(), false)]);
        for wrong in [
            turn("data", "kill", true, None),
            turn("edge-e1", "freeze", true, None),
            turn("edge-e1", "kill", true, Some(1)),
            turn("edge-e1", "slow", true, Some(60_001)),
            turn("edge-e1", "slow", true, Some(0)),
            turn("edge-e1", "overload", true, Some(101)),
        ] {
            assert!(faults.turn(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn how_much_is_said_and_is_as_usual_the_next_time() {
        let faults = Faults::new(Arc::new(ManualClock::at_us(0)), &["edge-e1".to_owned()]);
        let edge = faults.orders("edge-e1");
        let said = |list: Vec<Listed>, fault: &str| {
            let one = list.into_iter().find(|one| one.fault == fault).unwrap();
            (one.title, one.value)
        };
        assert_eq!(said(faults.list(), "slow"), ("slow 1.5 s".to_owned(), Some(1_500)));
        for (fault, value, on, usually, usual) in [
            ("slow", 900, "slow 0.9 s", "slow 1.5 s", 1_500),
            ("slow", 60_000, "slow 60 s", "slow 1.5 s", 1_500),
            ("overload", 100, "overload 100 %", "overload 95 %", 95),
        ] {
            let turn = |on, value| faults.turn(&turn("edge-e1", fault, on, value)).unwrap();
            assert_eq!(said(turn(true, Some(value)), fault), (on.to_owned(), Some(value)));
            // A request that switches it off may carry the amount it was on with, as the page sends
            // it.
            assert_eq!(said(turn(false, Some(value)), fault), (usually.to_owned(), Some(usual)));
            assert_eq!(said(turn(true, None), fault), (usually.to_owned(), Some(usual)));
            assert_eq!(edge.borrow().on[fault], Some(usual));
            turn(false, None);
        }
    }
}
