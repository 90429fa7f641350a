//! The same results computed slowly: sort everything, look at whole histories, add up milliseconds
//! span by span. It shares no code with the state machine.

use std::collections::BTreeMap;

use tallylight_schemas::rows::{Cell, Cuboid, Measures};
use tallylight_schemas::sketch::Sketch;

use crate::world::{Beacon, Item, Key, Value};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    pub sid: String,
    pub started: Option<i64>,
    pub startup: Option<i64>,
    pub times: BTreeMap<&'static str, i64>,
    pub rebuffers: i64,
    pub ended: Option<i64>,
    pub events: i64,
}

fn state(history: &[&str]) -> Option<&'static str> {
    if history.iter().any(|t| ["e", "f", "q"].contains(t)) {
        return None;
    }
    let played = history.contains(&"p");
    match *history.last()? {
        "s" => Some("starting"),
        "p" => Some("playing"),
        "k" if played => Some("seeking"),
        "k" => Some("starting"),
        "r" | "w" if !played => Some("starting"),
        "r" | "w" => {
            let cause = history.iter().rposition(|t| *t != "r" && *t != "w")?;
            let seeks = history[cause] == "k" && history[..cause].contains(&"p");
            Some(if seeks { "seeking" } else { "rebuffering" })
        }
        _ => None,
    }
}

fn started(records: &[&Beacon]) -> Option<(usize, i64)> {
    let begins = |b: &&&Beacon| b.sta.is_some_and(|t| ["s", "p", "k", "r", "w", "f"].contains(&t));
    let at = records.iter().position(|b| begins(&b))?;
    if records[..at].iter().any(|b| b.sta.is_some_and(|t| ["e", "q"].contains(&t))) {
        return None;
    }
    if records[at].sta == Some("s") {
        return Some((at, records[at].ts));
    }
    // A record without a state after a pause or a preload continues it.
    let held = records[..at].iter().any(|b| matches!(b.sta, Some("a" | "d")));
    Some((at, records[if held { at } else { 0 }].ts))
}

/// One session while its records are processed.
#[derive(Default)]
struct Walk {
    session: Session,
    /// Index and start of the record that makes it an attempt.
    begun: Option<(usize, i64)>,
    cell: Cell,
    kbps: i64,
    lowest: i64,
    /// Time, current rung and throughput of every record that was accepted.
    line: Vec<(i64, i64, Option<i64>)>,
    history: Vec<&'static str>,
    n: usize,
    now: Option<&'static str>,
    errored: bool,
    over: bool,
}

impl Walk {
    /// Whether the current rung has exceeded the throughput for four seconds, and there was a lower
    /// one.
    fn stuck(&self) -> bool {
        let healthy = self.line.iter().rposition(|(_, br, mtp)| mtp.is_some_and(|mtp| mtp >= *br));
        let down = self.line.windows(2).rposition(|pair| pair[1].1 < pair[0].1).map(|i| i + 1);
        let from = healthy.map_or(0, |i| i + 1).max(down.unwrap_or(0));
        let above = self.line[from..].iter().find(|(_, br, mtp)| mtp.is_some_and(|mtp| mtp < *br));
        let (now, ..) = self.line[self.line.len() - 1];
        above.is_some_and(|(since, ..)| now - since >= 4_000)
            && (1..self.kbps).contains(&self.lowest)
    }
}

#[derive(Default)]
pub struct Oracle {
    pub values: BTreeMap<Key, Value>,
    pub sessions: Vec<Session>,
}

impl Oracle {
    /// The results of everything, after every session has ended or fallen silent.
    pub fn of(items: &[Item]) -> Self {
        let mut sids: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
        for item in items {
            let sid = match item {
                Item::Beacon(b) => b.sid.clone(),
                Item::Served(s) => s.event.sid.clone().unwrap(),
            };
            sids.entry(sid).or_default().push(item);
        }
        let mut oracle = Self::default();
        for (sid, mut items) in sids {
            items.sort_by_key(|item| match item {
                Item::Served(s) => (item.at(), 0, s.event.seq),
                Item::Beacon(b) => (item.at(), 1, b.sn),
            });
            if items.iter().any(|item| matches!(item, Item::Beacon(_))) {
                oracle.session(sid, &items);
            }
        }
        oracle.values.retain(|_, value| {
            *value != (Measures::default(), Sketch::default(), Sketch::default())
        });
        oracle
    }

    fn cells(cell: &Cell, at: i64) -> impl Iterator<Item = Key> {
        let cell = cell.clone();
        Cuboid::ALL.into_iter().map(move |cuboid| {
            let width = i64::from(cuboid.width_s()) * 1_000;
            (cuboid, cuboid.project(&cell), at.div_euclid(width) * width)
        })
    }

    fn count(&mut self, cell: &Cell, at: i64, act: impl Fn(&mut Value)) {
        for key in Self::cells(cell, at) {
            act(self.values.entry(key).or_default());
        }
    }

    fn session(&mut self, sid: String, items: &[&Item]) {
        let beacon = |item: &&Item| match item {
            Item::Beacon(beacon) => Some(beacon.clone()),
            Item::Served(_) => None,
        };
        let records: Vec<Beacon> = items.iter().filter_map(beacon).collect();
        let mut walk =
            Walk { begun: started(&records.iter().collect::<Vec<_>>()), ..Walk::default() };
        walk.session = Session { sid, events: records.len() as i64, ..Session::default() };
        walk.session.started = walk.begun.map(|(_, at)| at);
        let silent_at = items.last().unwrap().at();
        for (i, item) in items.iter().enumerate() {
            let at = item.at();
            match item {
                Item::Served(s) if !walk.over => {
                    walk.cell.edge.clone_from(&s.event.edge);
                    walk.cell.pipeline.clone_from(&s.event.pipeline);
                }
                Item::Served(_) => {}
                Item::Beacon(beacon) => self.record(&mut walk, beacon),
            }
            let until = items.get(i + 1).map_or(silent_at, |next| next.at());
            if let Some(state) = walk.now {
                *walk.session.times.entry(state).or_default() += until - at;
                self.span(&walk.cell, state, walk.kbps, at, until);
            }
        }
        if !walk.over {
            walk.session.ended = Some(silent_at);
            let played = walk.history.contains(&"p");
            if let Some((_, start)) = walk.begun {
                self.count(&walk.cell, silent_at, |(m, ..)| {
                    m.ends += 1;
                    m.start_failures += i64::from(!played && walk.errored);
                    let waited = silent_at - start >= 1_000;
                    m.exits_before_start += i64::from(!played && !walk.errored && waited);
                });
            }
        }
        self.sessions.push(walk.session);
    }

    fn record(&mut self, walk: &mut Walk, b: &Beacon) {
        let was_over = walk.over;
        if !was_over {
            walk.cell.content = b.cid.map(str::to_owned).or(walk.cell.content.take());
            walk.cell.device = b.device.map(str::to_owned).or(walk.cell.device.take());
            walk.kbps = b.br.unwrap_or(walk.kbps);
            walk.cell.rendition = (walk.kbps > 0).then(|| format!("{} kbps", walk.kbps));
            walk.lowest = b.lb.unwrap_or(walk.lowest);
            walk.line.push((b.ts, walk.kbps, b.mtp));
            walk.history.extend(b.sta);
        }
        walk.errored |= b.e == "e";
        let before = std::mem::replace(&mut walk.now, state(&walk.history));
        let plays = walk.history.iter().filter(|t| **t == "p").count();
        let first_p = b.sta == Some("p") && plays == 1 && !was_over;
        if first_p {
            let (record, start) = walk.begun.unwrap();
            walk.session.startup = (record != walk.n || start < b.ts).then_some(b.ts - start);
        }
        let startup = walk.session.startup.filter(|_| first_p);
        let rebuffers = walk.now == Some("rebuffering") && before != Some("rebuffering");
        walk.session.rebuffers += i64::from(rebuffers);
        let stuck = rebuffers && walk.stuck();
        let attempt = walk.begun.is_some_and(|(record, _)| record == walk.n) && !was_over;
        let ends = !was_over && matches!(b.sta, Some("e" | "f" | "q"));
        let begun = walk.begun.filter(|(record, _)| *record <= walk.n);
        let gave_up = ends && begun.is_some() && plays == 0;
        let waited = begun.map_or(0, |(_, start)| b.ts - start) >= 1_000;
        let (fatal, failed) = (b.sta == Some("f"), b.sta == Some("f") || walk.errored);
        let latency = b.ltc.filter(|_| walk.now == Some("playing"));
        self.count(&walk.cell, b.ts, |(m, startups, latencies)| {
            m.events += 1;
            m.attempts += i64::from(attempt);
            m.starts += i64::from(first_p);
            m.rebuffer_count += i64::from(rebuffers);
            m.adaptation_failures += i64::from(stuck);
            m.failures += i64::from(ends && fatal && plays > 0);
            m.start_failures += i64::from(gave_up && failed);
            m.exits_before_start += i64::from(gave_up && !failed && waited);
            m.ends += i64::from(ends && begun.is_some());
            startup.iter().for_each(|ms| startups.add(*ms, 1));
            latency.iter().for_each(|ms| latencies.add(*ms, 1));
        });
        if ends {
            walk.session.ended = Some(b.ts);
        }
        walk.over |= ends;
        walk.n += 1;
    }

    fn span(&mut self, cell: &Cell, state: &str, kbps: i64, from: i64, to: i64) {
        for cuboid in Cuboid::ALL {
            let width = i64::from(cuboid.width_s()) * 1_000;
            let mut pane = from.div_euclid(width) * width;
            while pane < to {
                let ms = to.min(pane + width) - from.max(pane);
                let (m, ..) = self.values.entry((cuboid, cuboid.project(cell), pane)).or_default();
                match state {
                    "starting" => m.starting_ms += ms,
                    "playing" => m.playing_ms += ms,
                    "seeking" => m.seeking_ms += ms,
                    _ => m.rebuffering_ms += ms,
                }
                if state == "playing" && kbps > 0 {
                    m.bitrate_ms += ms;
                    m.bitrate_kbps_ms += ms * kbps;
                }
                m.viewers += i64::from(from < pane + width && to >= pane + width);
                pane += width;
            }
        }
    }
}
