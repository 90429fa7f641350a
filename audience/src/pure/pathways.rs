//! Which pathway a player uses: steering's first choice that has not failed recently. The rules
//! are those of hls.js: a pathway that fails is penalised for five minutes, and steering does not
//! lead back to it before that.

use std::collections::BTreeMap;

/// How long a failed pathway is avoided.
const PENALTY_US: i64 = 300_000_000;

/// The pathways of a session.
#[derive(Debug, Clone)]
pub struct Pathways {
    /// In the manifest's order.
    ids: Vec<String>,
    /// Steering's order; before its first answer, the manifest's.
    priority: Vec<String>,
    /// When each penalised pathway failed.
    penalised: BTreeMap<String, i64>,
    current: String,
    /// When the newest good segment arrived.
    good_us: i64,
}

impl Pathways {
    /// The manifest's pathways; the session begins on `first` if it is one of them.
    pub fn new(ids: Vec<String>, first: Option<&str>) -> Self {
        let current = first.filter(|first| ids.iter().any(|id| id == first));
        let current = current.or(ids.first().map(String::as_str)).unwrap_or_default().to_owned();
        Self { priority: ids.clone(), ids, penalised: BTreeMap::new(), current, good_us: i64::MIN }
    }

    /// The pathway to use.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// A segment arrived on the current pathway.
    pub fn works(&mut self, now_us: i64) {
        self.good_us = now_us;
    }

    /// Takes steering's order; returns whether the pathway changed.
    pub fn steer(&mut self, priority: Vec<String>, now_us: i64) -> bool {
        self.priority = priority;
        self.penalised.retain(|_, since| now_us - *since < PENALTY_US);
        self.choose()
    }

    /// A pathway failed; returns whether there is another to try. If steering changed the pathway
    /// while the request was in flight, the new pathway is not penalised. When all have failed
    /// recently, the one that failed first is tried again, but each only once until a segment
    /// arrives.
    pub fn fail(&mut self, failed: &str, now_us: i64) -> bool {
        self.penalised.retain(|_, since| now_us - *since < PENALTY_US);
        self.penalised.insert(failed.to_owned(), now_us);
        if failed != self.current || self.choose() {
            return true;
        }
        let old = self.priority.iter().filter_map(|id| Some((*self.penalised.get(id)?, id)));
        let oldest = old.filter(|(since, _)| *since < self.good_us).min();
        let Some(forgiven) = oldest.map(|(_, id)| id.clone()) else { return false };
        self.penalised.remove(&forgiven);
        self.choose()
    }

    /// A switch could not be made: the session stays on `id`.
    pub fn stay(&mut self, id: &str) {
        self.current = id.to_owned();
    }

    fn choose(&mut self) -> bool {
        let usable = |id: &&String| self.ids.contains(id) && !self.penalised.contains_key(*id);
        match self.priority.iter().find(usable) {
            Some(best) if *best != self.current => {
                self.current = best.clone();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn ids(list: &str) -> Vec<String> {
        list.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn steering_leads_and_unknown_ids_are_ignored() {
        let mut pathways = Pathways::new(ids("e1 e2 e1-low"), Some("e2"));
        assert_eq!(pathways.current(), "e2");
        assert!(!pathways.steer(ids("cdn-x e2 e1"), 0));
        assert!(pathways.steer(ids("cdn-x e1-low e2"), 0));
        assert_eq!(pathways.current(), "e1-low");
        assert!(!pathways.steer(ids("cdn-x"), 0), "an order without a known id changes nothing");
        assert_eq!(Pathways::new(ids("e1 e2"), Some("nowhere")).current(), "e1");
    }

    #[test]
    fn a_failing_pathway_is_left_for_five_minutes_whatever_steering_says() {
        let mut pathways = Pathways::new(ids("e1 e2"), None);
        pathways.works(5 * S);
        assert!(pathways.fail("e1", 10 * S));
        assert_eq!(pathways.current(), "e2");
        assert!(!pathways.steer(ids("e1 e2"), 309 * S));
        assert!(pathways.steer(ids("e1 e2"), 310 * S));
        assert_eq!(pathways.current(), "e1");
    }

    #[test]
    fn when_all_failed_each_is_tried_once_until_one_works() {
        let mut pathways = Pathways::new(ids("e1 e2"), None);
        assert!(pathways.fail("e1", S));
        assert!(!pathways.fail("e2", 2 * S), "both failed and nothing arrived since");
        pathways.works(60 * S);
        assert!(pathways.fail("e2", 70 * S));
        assert_eq!(pathways.current(), "e1");
        assert!(!pathways.fail("e1", 71 * S));
    }

    #[test]
    fn a_failure_after_steering_moved_on_does_not_penalise_the_new_pathway() {
        let mut pathways = Pathways::new(ids("e1 e2"), None);
        pathways.works(5 * S);
        assert!(pathways.steer(ids("e2 e1"), 10 * S));
        assert!(pathways.fail("e1", 10 * S), "the request to e1 that was in flight");
        assert_eq!(pathways.current(), "e2");
        assert!(!pathways.steer(ids("e1 e2"), 11 * S), "e1 is penalised");
    }
}
