//! What an incident shows an operator beside its evidence: why nothing is offered, since when its
//! part has been healthy, and which value breaks its limit.

use serde_json::Value;
use tallylight_schemas::control::{ActionState, IncidentRow, Severity};

use super::fleet::{Fleet, copies};
use crate::origin::CopyState::Missing;
use crate::steering::pure::share::{Pathway, WHOLE};
use crate::steering::settings::Mode;

fn edge_e1(fleet: &Fleet) -> IncidentRow {
    fleet.state.open("edge-e1").cloned().unwrap()
}

fn says(fleet: &Fleet, words: &str) {
    let said = edge_e1(fleet).no_action.unwrap_or_default();
    assert!(said.contains(words), "{words:?} is not in {said:?}");
}

fn slow(mut fleet: Fleet) -> Fleet {
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.open("edge-e1").is_some());
    fleet
}

#[test]
fn what_is_offered_or_in_force_needs_no_reason() {
    let mut fleet = slow(Fleet::new(60, 250, 250));
    assert_eq!(fleet.actions(ActionState::Offered).len(), 1);
    assert_eq!(edge_e1(&fleet).no_action, None);
    fleet.run(5);
    assert_eq!(fleet.actions(ActionState::Taken).len(), 1);
    assert_eq!(edge_e1(&fleet).no_action, None);
}

#[test]
fn the_reason_that_holds_is_named_and_no_other() {
    let mut watching = Fleet::new(60, 250, 250);
    watching.state.mode = Mode::Observe;
    says(&slow(watching), "only observes");

    let mut moved = Fleet::new(60, 250, 250);
    let places = moved.state.routes.free("e1", u32::MAX);
    let at = moved.now;
    moved.state.note_moved("e1", &places, at);
    let moved = slow(moved);
    says(&moved, "moved a moment ago");
    assert_eq!(edge_e1(&moved).no_action_until, Some((at + 65_000) * 1_000));

    let mut elsewhere = Fleet::new(60, 250, 250);
    let places = elsewhere.state.routes.free("e1", u32::MAX);
    elsewhere.state.routes.put("e1", &places, &Pathway::full("e2"), "by-hand");
    says(&slow(elsewhere), "sent elsewhere or capped already");

    let mut visited = Fleet::new(60, 250, 250);
    for (home, to) in [("e1", "e2"), ("e2", "e1")] {
        let places = visited.state.routes.free(home, WHOLE);
        visited.state.routes.put(home, &places, &Pathway::full(to), "by-hand");
    }
    says(&slow(visited), "those sent there from other edges stay");

    let mut sent = Fleet::new(60, 250, 250);
    let at = sent.now;
    sent.state.sent.insert("e2".into(), at);
    sent.state.routes.put("e1", &[(0, 1)], &Pathway::low("e1"), "by-hand");
    let sent = slow(sent);
    let cap = sent.actions(ActionState::Offered);
    assert!(cap.iter().all(|row| row.to.is_none()), "no viewers move there: {cap:?}");

    let mut blind = slow(Fleet::new(60, 250, 250));
    let id = blind.actions(ActionState::Offered)[0].id.clone();
    blind.state.actions.remove(&id);
    blind.feed.connected = false;
    blind.run(1);
    says(&blind, "Rows are missing or old");
}

#[test]
fn an_encoder_of_which_nothing_is_known_has_its_reason() {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("A".into(), copies(&[], true));
    fleet.pipelines.insert("B".into(), copies(&[(10, Missing), (11, Missing)], false));
    fleet.run(2);
    fleet.pipelines.clear();
    for (origin_answers, words) in [(true, "lists no segment of it"), (false, "does not answer")] {
        fleet.origin_answers = origin_answers;
        fleet.run(1);
        let why = fleet.state.open("encoder-B").and_then(|row| row.no_action.clone()).unwrap();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn an_encoder_whose_segments_were_not_served_needs_nothing() {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.pipelines.insert("A".into(), copies(&[(10, Missing), (11, Missing)], false));
    fleet.run(1);
    let said = fleet.open()[0].no_action.clone().unwrap();
    assert!(said.contains("there is no spare"), "{said}");
    fleet.pipelines.insert("B".into(), copies(&[(11, Missing)], false));
    fleet.run(1);
    let said = fleet.state.open("encoder-A").and_then(|row| row.no_action.clone()).unwrap();
    assert!(said.contains("what is good of either"), "{said}");
}

#[test]
fn an_incident_shows_since_when_its_edge_is_healthy_and_when_it_closes() {
    let mut fleet = slow(Fleet::new(60, 250, 250));
    fleet.run(8);
    assert_eq!((edge_e1(&fleet).well_since, edge_e1(&fleet).closes_at), (None, None));
    fleet.ill("e1").slow_ms = 0;
    fleet.until(10, |fleet| edge_e1(fleet).well_since.is_some());
    assert_eq!(edge_e1(&fleet).closes_at, None, "its viewers are still elsewhere");
    let since = edge_e1(&fleet).well_since;
    fleet.until(80, |fleet| edge_e1(fleet).closes_at.is_some());
    assert_eq!(edge_e1(&fleet).well_since, since);
    let closes = edge_e1(&fleet).closes_at.unwrap() / 1_000;
    fleet.run(5);
    // Ill again: it is the same incident, and it does not close.
    fleet.ill("e1").dead = true;
    fleet.run(5);
    let row = edge_e1(&fleet);
    assert_eq!((row.well_since, row.closes_at), (None, None));
    assert!(row.notes.is_some_and(|notes| notes.contains("Until now: Edge e1 answers slowly")));
    assert!(fleet.now < closes);
}

#[test]
fn what_breaks_its_limit_is_marked_and_an_action_says_when_it_was_taken() {
    let mut fleet = slow(Fleet::new(60, 250, 250));
    fleet.run(5);
    let facts: Vec<Value> = serde_json::from_str(&edge_e1(&fleet).evidence).unwrap();
    let bad = |what: &str| {
        let fact = facts.iter().find(|fact| fact["what"].as_str().unwrap().starts_with(what));
        fact.unwrap_or_else(|| panic!("no {what}: {facts:?}"))["bad"] == true
    };
    assert!(bad("First byte") && bad("Prober on e1"));
    assert!(!bad("Requests that failed") && !bad("Edge e2"));
    let taken = &fleet.actions(ActionState::Taken)[0];
    assert_eq!(taken.taken_at.unwrap() - taken.at, 2_000_000, "held for two seconds");
}

/// An edge that has accepted no connections for this long.
fn dead_for(seconds: i64) -> Fleet {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.ill("e1").dead = true;
    fleet.run(seconds);
    assert_eq!(edge_e1(&fleet).cause, "Edge e1 does not answer");
    fleet
}

#[test]
fn an_edge_that_answers_again_but_slowly_is_called_so() {
    let mut fleet = dead_for(10);
    (fleet.ill("e1").dead, fleet.ill("e1").slow_ms) = (false, 1_500);
    fleet.until(20, |fleet| edge_e1(fleet).cause == "Edge e1 answers slowly");
    fleet.run(10);
    let row = edge_e1(&fleet);
    assert_eq!(row.severity, Severity::Broken, "what was worst stays said");
    let notes = |fleet: &Fleet| {
        let notes = edge_e1(fleet).notes.unwrap_or_default();
        notes.matches("Until now: Edge e1 does not answer").count()
    };
    assert_eq!(notes(&fleet), 1);
    // It dies again: its title soon says so, and the notes mention each title once.
    for dead in [true, false] {
        fleet.ill("e1").dead = dead;
        let named = if dead { "does not answer" } else { "answers slowly" };
        fleet.until(20, |fleet| edge_e1(fleet).cause.ends_with(named));
    }
    assert_eq!(notes(&fleet), 1);
}

#[test]
fn a_recovering_edge_keeps_the_title_of_its_incident() {
    let mut fleet = dead_for(15);
    fleet.ill("e1").dead = false;
    fleet.until(120, |fleet| fleet.open().is_empty());
    let row = fleet.state.incidents.values().find(|row| row.name.as_deref() == Some("e1")).unwrap();
    assert_eq!((row.cause.as_str(), &row.notes), ("Edge e1 does not answer", &None));
}

#[test]
fn whom_a_fault_affects_is_said_anew_once_it_is_worse() {
    let mut fleet = Fleet::new(20, 250, 250);
    let missing = || copies(&[(10, Missing), (11, Missing)], false);
    fleet.pipelines.insert("A".into(), missing());
    fleet.pipelines.insert("B".into(), copies(&[], true));
    let affected = |fleet: &Fleet| fleet.state.open("encoder-A").unwrap().cohort.clone();
    fleet.run(5);
    assert_eq!(affected(&fleet), "no viewers: another copy was served");
    for name in ["A", "B"] {
        let mut pipeline = missing();
        pipeline.copies.iter_mut().for_each(|copy| copy.slate = copy.bad.is_some());
        fleet.pipelines.insert(name.into(), pipeline);
    }
    fleet.run(1);
    assert_eq!(affected(&fleet), "all viewers: no copy was served");
}
