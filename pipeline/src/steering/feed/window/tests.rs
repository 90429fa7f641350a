use serde_json::json;
use tallylight_schemas::control::{ActionState, IncidentState};

use super::*;

fn take(window: &mut Window, message: serde_json::Value) {
    window.take(serde_json::from_value(message).unwrap());
}

fn rows(seq: u64, requests: i64, snapshot: bool) -> serde_json::Value {
    json!({"type": "rows", "seq": seq, "at": 9_000, "snapshot": snapshot, "fates": [],
        "playback": [{"cuboid": "delivery", "pane": 5_000,
            "cell": {"content": "demo", "edge": "e1", "pipeline": "A"},
            "m": {"viewers": 7, "playing_ms": 900, "rebuffering_ms": 100}}],
        "delivery": [{"pane": 5_000, "service": "edge", "edge": "e1", "pipeline": "A",
            "stream": "demo", "track": "v-360", "k": 7, "action": "get", "requests": requests,
            "errors": 2, "server_errors": 1, "ttfb": [[-1, 1], [365, 9]], "later": true}]})
}

#[test]
fn rows_are_absolute_and_whole_seconds_are_handed_on() {
    let mut window = Window::default();
    take(&mut window, json!({"type": "hello", "session": "s", "resumed": false, "version": 1}));
    take(&mut window, rows(7, 5, true));
    take(&mut window, rows(8, 10, false));
    take(&mut window, json!({"type": "something new"}));
    assert!(window.seconds("e1").is_empty(), "the second is not over yet");
    take(
        &mut window,
        json!({"type": "status", "partitions": 4, "reporting": 4,
        "log_time": 6_100, "marks": {"replaying": 0}}),
    );
    let seconds = window.seconds("e1");
    assert_eq!(seconds.len(), 1);
    assert_eq!((seconds[0].at, seconds[0].requests, seconds[0].errors), (5, 10, 1));
    assert_eq!(
        (seconds[0].viewers, seconds[0].watched_ms, seconds[0].rebuffering_ms),
        (7, 1_000, 100)
    );
    assert!((seconds[0].p90_ms.unwrap() - 1_480.0).abs() < 40.0, "{:?}", seconds[0].p90_ms);
    assert_eq!(window.seconds("e2")[0].requests, 0);
    assert_eq!(window.resume(), Some(("s", 8)));
    let trust = window.trust(7_000);
    assert_eq!((trust.connected, trust.complete, trust.age_ms), (true, true, Some(900)));
    take(
        &mut window,
        json!({"type": "status", "partitions": 4, "reporting": 3, "log_time": 6_100}),
    );
    assert!(!window.trust(7_000).complete, "a partition is missing");
    window.disconnected();
    assert!(!window.trust(7_000).connected);
}

#[test]
fn an_edges_answers_of_a_second_are_those_of_all_segments_and_streams() {
    let mut window = Window::default();
    let row = |stream: &str, k: serde_json::Value, requests: i64| {
        json!({"pane": 5_000, "service": "edge", "edge": "e1", "pipeline": "A", "stream": stream,
            "track": "v-360", "k": k, "action": "get", "requests": requests, "server_errors": 1})
    };
    let delivery =
        [row("demo", 7.into(), 20), row("demo", 8.into(), 30), row("other", 8.into(), 40)];
    let all = json!({"type": "rows", "seq": 1, "delivery": delivery});
    take(&mut window, all);
    let refused = row("demo", serde_json::Value::Null, 3);
    take(&mut window, json!({"type": "rows", "seq": 2, "delivery": [refused]}));
    take(
        &mut window,
        json!({"type": "status", "partitions": 1, "reporting": 1, "log_time": 6_100}),
    );
    let second = window.seconds("e1")[0];
    assert_eq!((second.requests, second.errors), (93, 4));
}

#[test]
fn failures_by_device_are_of_the_last_half_minute() {
    let mut window = Window::default();
    for (pane, failures) in [(10_000, 50), (50_000, 3), (60_000, 4)] {
        take(
            &mut window,
            json!({"type": "rows", "seq": 1, "playback": [
            {"cuboid": "audience", "pane": pane, "cell": {"device": "tv-x900", "country": "DE"},
             "m": {"viewers": 6, "adaptation_failures": failures}},
            {"cuboid": "audience", "pane": pane, "cell": {"device": "tv-x900", "country": "FR"},
             "m": {"viewers": 2}}]}),
        );
    }
    let log_is_at = |window: &mut Window, log_time: i64| {
        take(window, json!({"type": "status", "log_time": log_time}));
    };
    log_is_at(&mut window, 61_000);
    assert_eq!(window.devices()["tv-x900"], Device { viewers: 8, adaptation_failures: 7 });
    // There are no viewers any more, so no rows arrive; the log advances.
    log_is_at(&mut window, 85_000);
    assert_eq!(window.devices()["tv-x900"], Device { viewers: 8, adaptation_failures: 4 });
    log_is_at(&mut window, 95_000);
    assert!(window.devices().is_empty());
}

#[test]
fn seconds_without_rows_are_reported_once_the_log_has_advanced() {
    let mut window = Window::default();
    take(&mut window, rows(7, 5, true));
    let seen = |window: &mut Window, log_time: i64| -> Vec<(i64, i64)> {
        take(window, json!({"type": "status", "log_time": log_time}));
        window.seconds("e1").iter().map(|second| (second.at, second.viewers)).collect()
    };
    assert_eq!(seen(&mut window, 8_000), [(5, 7)], "its rows may be on the way");
    assert_eq!(seen(&mut window, 9_100), [(5, 7), (6, 0), (7, 0), (8, 0)]);
    let later = seen(&mut window, 300_000);
    assert_eq!((later.len(), later[0], later[59]), (60, (240, 0), (299, 0)));
}

#[test]
fn an_older_record_that_comes_again_replaces_no_newer_one() {
    let mut window = Window::default();
    for (at, state) in [(3, "open"), (5, "acknowledged"), (3, "open"), (5, "closed"), (4, "open")] {
        let incident = json!({"tenant": "demo", "id": "i", "opened_at": 1, "cause": "Edge e1 is slow",
            "culprit": "edge", "cohort": "viewers", "viewers": 1, "severity": "watch",
            "evidence": [], "state": state, "updated_at": at});
        let action = json!({"tenant": "demo", "id": "a", "at": 1, "kind": "shift_edge",
            "target": "e1", "share": 0.5, "viewers": 1, "title": "Move", "evidence": [],
            "forecast": "", "state": if at == 5 { "taken" } else { "offered" }, "by": "steering",
            "updated_at": at});
        let rows = json!({"type": "rows", "seq": 1, "incidents": [incident], "actions": [action]});
        take(&mut window, rows);
    }
    let (incidents, actions) = window.records();
    let states = (incidents[0].state, actions[0].state);
    assert_eq!(states, (IncidentState::Closed, ActionState::Taken), "of one moment the last");
}

#[test]
fn the_log_has_been_read_once_every_partition_is_past_the_start() {
    let mut window = Window::default();
    let status = |window: &mut Window, (reporting, log_time, replaying): (u16, i64, i64)| {
        take(
            window,
            json!({"type": "status", "partitions": 4, "reporting": reporting,
            "log_time": log_time, "marks": {"replaying": replaying}}),
        );
        window.has_read(10_000)
    };
    let hello = || json!({"type": "hello", "session": "s", "resumed": false});
    take(&mut window, hello());
    assert!(window.is_reading());
    take(&mut window, rows(7, 5, true));
    assert!(!window.is_reading());
    let of_the_past = [(4, 8_000, 0), (4, 9_000, 0), (4, 10_000, 0)];
    for at in of_the_past.into_iter().chain([(3, 11_000, 0), (4, 12_000, 1)]) {
        assert!(!status(&mut window, at), "{at:?}");
    }
    assert!(status(&mut window, (4, 13_000, 0)));
    assert!(!window.has_read(12_500), "a status may be ahead of its rows");
    take(&mut window, hello());
    assert!(!window.has_read(10_000) && !window.is_whole(), "another snapshot follows");
    take(&mut window, rows(8, 5, true));
    assert!(!window.has_read(10_000) && window.is_whole(), "it may be of an earlier state");
    for at in [13_000, 14_000] {
        assert_eq!(status(&mut window, (4, at, 0)), at > 13_000);
    }
}

#[test]
fn rows_of_a_time_far_ahead_of_the_clock_are_not_current() {
    let mut window = Window::default();
    take(&mut window, json!({"type": "status", "log_time": 100_000}));
    assert_eq!(window.trust(75_000).age_ms, Some(0), "another machine's clock");
    assert_eq!(window.trust(40_000).age_ms, Some(60_000));
}
