//! The pathway of a session: a function of its sid and the shares alone, so nothing is kept per
//! session and every instance gives the same answer.
//!
//! A sid's first hash chooses its home edge, in proportion to the edges' capacities. Its second
//! one is a place on the home's scale of 0 to 10,000; slices of that scale are sent elsewhere.
//! Making a slice longer moves only those in the added part.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_schemas::ident::hash;

/// All viewers of an edge, on the scale of slices.
pub const WHOLE: u32 = 10_000;

/// A pathway: an edge, and whether only its low rungs are offered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pathway {
    /// The edge's name.
    pub edge: String,
    /// Only the low rungs.
    pub low: bool,
}

impl Pathway {
    /// All rungs of an edge.
    pub fn full(edge: &str) -> Self {
        Self { edge: edge.to_owned(), low: false }
    }

    /// The low rungs of an edge.
    pub fn low(edge: &str) -> Self {
        Self { edge: edge.to_owned(), low: true }
    }

    /// The name in manifests and steering answers.
    pub fn id(&self) -> String {
        let low = if self.low { crate::steering::settings::LOW } else { "" };
        format!("{}{low}", self.edge)
    }

    /// Reads a name.
    pub fn parse(id: &str) -> Self {
        match id.strip_suffix(crate::steering::settings::LOW) {
            Some(edge) => Self::low(edge),
            None => Self::full(id),
        }
    }
}

/// A part of a home edge's viewers that is sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Its first place.
    pub from: u32,
    /// First place after it.
    pub to: u32,
    /// The pathway that they are sent to.
    pub pathway: Pathway,
    /// The action that did it.
    pub action: String,
}

/// Everything that determines a sid's pathway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    homes: Vec<(String, u64)>,
    slices: BTreeMap<String, Vec<Slice>>,
    /// Edges to which no sessions are sent.
    closed: BTreeSet<String>,
    /// Where their sessions go, by weight.
    refuges: Vec<(String, u64)>,
}

impl Routes {
    /// All sessions at home; homes are shared out by weight.
    pub fn new(homes: impl IntoIterator<Item = (String, u64)>) -> Self {
        Self { homes: homes.into_iter().collect(), ..Self::default() }
    }

    /// The edges, in the order of the settings.
    pub fn edges(&self) -> impl Iterator<Item = &str> {
        self.homes.iter().map(|(name, _)| name.as_str())
    }

    /// Closes these edges: their sessions go to those of `good` that are open, or else to any open
    /// edge. Nothing is closed if no other edge would be left.
    pub fn close(&mut self, closed: &[String], good: &[String]) {
        let open = self.homes.iter().filter(|(name, _)| !closed.contains(name));
        let good_open = open.clone().filter(|(name, _)| good.contains(name));
        self.refuges = good_open.cloned().collect();
        if self.refuges.is_empty() {
            self.refuges = open.cloned().collect();
        }
        let any = !self.refuges.is_empty();
        self.closed = closed.iter().filter(|_| any).cloned().collect();
    }

    /// Whether no sessions are sent there.
    pub fn is_closed(&self, edge: &str) -> bool {
        self.closed.contains(edge)
    }

    /// The home edge of a session.
    pub fn home(&self, sid: &str) -> &str {
        pick(&self.homes, hash("home", sid))
    }

    /// The session's place on its home's scale.
    pub fn place(sid: &str) -> u32 {
        u32::try_from(hash("place", sid) % u64::from(WHOLE)).unwrap_or(0)
    }

    /// The pathway of a session by its home and the slices.
    pub fn assigned(&self, sid: &str) -> Pathway {
        let (home, place) = (self.home(sid), Self::place(sid));
        let slice = self.slices(home).iter().find(|slice| (slice.from..slice.to).contains(&place));
        slice.map_or_else(|| Pathway::full(home), |slice| slice.pathway.clone())
    }

    /// The pathway of a session: as assigned, or past a closed edge.
    pub fn pathway(&self, sid: &str) -> Pathway {
        let assigned = self.assigned(sid);
        if self.is_closed(&assigned.edge) {
            return Pathway::full(pick(&self.refuges, hash("refuge", sid)));
        }
        assigned
    }

    /// The slices of a home, in order.
    pub fn slices(&self, home: &str) -> &[Slice] {
        self.slices.get(home).map_or(&[], Vec::as_slice)
    }

    /// The homes that have slices.
    pub fn moved(&self) -> impl Iterator<Item = &str> {
        self.slices.iter().filter(|(_, slices)| !slices.is_empty()).map(|(home, _)| home.as_str())
    }

    /// How much of a home is sent elsewhere (`Some(edge)`: to that edge), on the scale of
    /// [`WHOLE`].
    pub fn away(&self, home: &str, to: Option<&str>) -> u32 {
        let slices = self.slices(home).iter();
        slices
            .filter(|slice| to.is_none_or(|to| slice.pathway.edge == to))
            .filter(|slice| slice.pathway.edge != home)
            .map(|slice| slice.to - slice.from)
            .sum()
    }

    /// How much of other homes is sent to an edge, on the scale of [`WHOLE`].
    pub fn guests(&self, edge: &str) -> u32 {
        let others = self.edges().filter(|home| *home != edge);
        others.map(|home| self.away(home, Some(edge))).sum()
    }

    /// The first places of a home that no slice has, `length` of them at the most.
    pub fn free(&self, home: &str, length: u32) -> Vec<(u32, u32)> {
        let (mut found, mut at, mut left) = (Vec::new(), 0, length);
        let end =
            Slice { from: WHOLE, to: WHOLE, pathway: Pathway::full(""), action: String::new() };
        for slice in self.slices(home).iter().chain([&end]) {
            let take = slice.from.saturating_sub(at).min(left);
            if take > 0 {
                found.push((at, at + take));
                left -= take;
            }
            at = slice.to;
        }
        found
    }

    /// Sends these places of a home elsewhere, except places that are already sent somewhere.
    pub fn put(&mut self, home: &str, places: &[(u32, u32)], pathway: &Pathway, action: &str) {
        let slices = self.slices.entry(home.to_owned()).or_default();
        for (from, to) in places {
            if from < to && !slices.iter().any(|slice| slice.from < *to && *from < slice.to) {
                let (pathway, action) = (pathway.clone(), action.to_owned());
                slices.push(Slice { from: *from, to: *to, pathway, action });
            }
        }
        slices.sort_by_key(|slice| slice.from);
    }

    /// Brings home the viewers that an action moved, and returns their places.
    pub fn remove(&mut self, home: &str, action: &str) -> Vec<(u32, u32)> {
        let Some(slices) = self.slices.get_mut(home) else { return Vec::new() };
        let gone = |slice: &&Slice| slice.action == action;
        let places = slices.iter().filter(gone).map(|slice| (slice.from, slice.to)).collect();
        slices.retain(|slice| slice.action != action);
        places
    }

    /// Share of all sessions that is sent to an edge, 0 to 1.
    pub fn share(&self, edge: &str) -> f64 {
        let total = weight(&self.homes);
        let own = if self.is_closed(edge) { 0.0 } else { self.assigned_weight(edge) };
        let refuge = self.refuges.iter().find(|(name, _)| name == edge);
        let part = refuge.map_or(0, |(_, weight)| *weight) as f64;
        let part = part / weight(&self.refuges).max(1) as f64;
        let fled: f64 = self.closed.iter().map(|closed| self.assigned_weight(closed)).sum();
        (own + fled * part) / total.max(1) as f64
    }

    /// What home and slices send to an edge, as a weight.
    fn assigned_weight(&self, edge: &str) -> f64 {
        let of = |(home, weight): &(String, u64)| {
            let stays = if home == edge { WHOLE - self.away(home, None) } else { 0 };
            let comes = if home == edge { 0 } else { self.away(home, Some(edge)) };
            *weight as f64 * f64::from(stays + comes) / f64::from(WHOLE)
        };
        self.homes.iter().map(of).sum()
    }
}

fn weight(edges: &[(String, u64)]) -> u64 {
    edges.iter().map(|(_, weight)| *weight).sum()
}

/// One of the edges, in proportion to their weights. The hash is scaled rather than taken modulo,
/// so equal proportions give equal edges.
fn pick(edges: &[(String, u64)], hash: u64) -> &str {
    let scaled = (u128::from(hash) * u128::from(weight(edges))) >> 64;
    let mut place = u64::try_from(scaled).unwrap_or(0);
    for (name, weight) in edges {
        if place < *weight {
            return name;
        }
        place -= weight;
    }
    edges.first().map_or("", |(name, _)| name)
}

#[cfg(test)]
#[path = "share/tests.rs"]
mod tests;
