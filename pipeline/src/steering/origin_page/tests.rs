use super::*;

fn page(segments: &[serde_json::Value]) -> SegmentsPage {
    let page = serde_json::json!({"stream": "demo", "now": 0, "grid": Grid::DEMO, "margin": 0,
        "tracks": ["v", "audio"], "masked": ["B"], "segments": segments});
    serde_json::from_value(page).unwrap()
}

fn segment(k: u64, track: &str, a: &str, b: &str) -> serde_json::Value {
    serde_json::json!({"track": track, "k": k, "state": "on_time", "pipeline": "A", "due": 0,
        "bytes": 1, "copies": [
            {"pipeline": "A", "state": a, "bytes": 1, "frames": 1},
            {"pipeline": "B", "state": b, "bytes": 1, "frames": 1}]})
}

type Said = (u64, Option<CopyState>);

fn copies(of: &Pipeline) -> Vec<Said> {
    of.copies.iter().map(|copy| (copy.k, copy.bad)).collect()
}

fn good(k: u64) -> Said {
    (k, None)
}

fn bad(k: u64, how: CopyState) -> Said {
    (k, Some(how))
}

#[test]
fn a_pipeline_is_as_bad_as_its_worst_track_and_what_was_before_it_is_not_missing() {
    let page = page(&[
        segment(7, "v", "on_time", "missing"),
        segment(8, "v", "on_time", "on_time"),
        segment(9, "v", "late", "on_time"),
        segment(9, "audio", "on_time", "frozen"),
        segment(10, "v", "pending", "missing"),
    ]);
    let read = read(&page, 0, Away::default(), &mut BTreeMap::new());
    assert_eq!(copies(&read["A"]), [good(7), good(8), good(9)]);
    let (frozen, missing) = (bad(9, CopyState::Frozen), bad(10, CopyState::Missing));
    assert_eq!(copies(&read["B"]), [good(8), frozen, missing]);
    assert!(read["B"].masked && !read["A"].masked);
}

#[test]
fn nothing_is_missing_of_the_time_in_which_all_of_us_were_stopped() {
    // The service starts with segment 10; B never comes back.
    let started = Grid::DEMO.start_us(10);
    let mut expected = BTreeMap::new();
    let mut segments: Vec<_> = (4..7).map(|k| segment(k, "v", "on_time", "on_time")).collect();
    segments.extend((7..12).map(|k| segment(k, "v", "missing", "missing")));
    assert!(read(&page(&segments), started, Away::default(), &mut expected).is_empty());
    segments.push(segment(12, "v", "on_time", "missing"));
    let found = read(&page(&segments), started, Away::default(), &mut expected);
    assert_eq!((copies(&found["A"]), found.get("B")), (vec![good(12)], None));
    segments.extend((13..18).map(|k| segment(k, "v", "on_time", "missing")));
    let found = read(&page(&segments), started, Away::default(), &mut expected);
    let missing = vec![bad(17, CopyState::Missing)];
    assert_eq!((found["A"].copies.len(), copies(&found["B"])), (6, missing));
}

#[test]
fn an_encoder_that_was_never_good_is_expected_once_it_could_have_started() {
    let started = Grid::DEMO.start_us(10);
    for (word, how) in [("missing", CopyState::Missing), ("frozen", CopyState::Frozen)] {
        let mut expected = BTreeMap::new();
        let mut segments: Vec<_> = (8..25).map(|k| segment(k, "v", "on_time", word)).collect();
        let early = read(&page(&segments), started, Away::default(), &mut expected);
        assert!(early.contains_key("A") && !early.contains_key("B"), "{word}: {early:?}");
        segments.extend((25..27).map(|k| segment(k, "v", "on_time", word)));
        let found = read(&page(&segments), started, Away::default(), &mut expected);
        assert_eq!(copies(&found["B"]), [bad(25, how), bad(26, how)]);
        // It starts only once the origin is there.
        let away = Away { since: None, last: Some((started, Grid::DEMO.start_us(13))) };
        let found = read(&page(&segments), started, away, &mut expected);
        assert!(!found.contains_key("B"), "{word}: {found:?}");
        // What was before its first good segment is not missing.
        segments.push(segment(27, "v", "on_time", "on_time"));
        let found = read(&page(&segments), started, Away::default(), &mut expected);
        assert_eq!(copies(&found["B"]), [good(27)], "{word}");
    }
}

#[test]
fn nothing_is_missing_of_the_time_in_which_the_origin_was_away() {
    let at = |k| Grid::DEMO.start_us(k) + 500_000;
    let mut away = Away::default();
    for (answers, k) in [(true, 9), (false, 10), (false, 13), (true, 14), (true, 15)] {
        away.step(answers, at(k));
    }
    let mut segments: Vec<_> = (4..8).map(|k| segment(k, "v", "on_time", "on_time")).collect();
    segments.extend((8..16).map(|k| segment(k, "v", "missing", "missing")));
    segments.push(segment(16, "v", "on_time", "missing"));
    let found = read(&page(&segments), 0, away, &mut BTreeMap::new());
    assert!(copies(&found["A"]).iter().all(|(_, bad)| bad.is_none()), "{found:?}");
    let missing = bad(16, CopyState::Missing);
    assert_eq!(copies(&found["B"]).last(), Some(&missing), "B did not come back");
    // Away again a moment later: it is still the same outage.
    away.step(false, at(16));
    away.step(true, at(17));
    assert_eq!(away.last, Some((at(10), at(17))));
}

#[test]
fn a_slate_is_not_a_copy_of_any_pipeline() {
    let mut slate = segment(7, "v", "on_time", "on_time");
    slate["state"] = "slate".into();
    slate["pipeline"] = "slate".into();
    let found = read(&page(&[slate]), 0, Away::default(), &mut BTreeMap::new());
    assert!(found["A"].copies[0].slate && !found["A"].copies[0].bad_served);
}

#[test]
fn a_bad_copy_is_served_where_viewers_got_the_track_that_is_bad() {
    let picture = |served: &str| {
        let mut picture = segment(7, "v", "frozen", "on_time");
        picture["pipeline"] = served.into();
        [picture, segment(7, "audio", "on_time", "on_time")]
    };
    for (served, expected) in [("A", true), ("B", false)] {
        let found = read(&page(&picture(served)), 0, Away::default(), &mut BTreeMap::new());
        let copy = &found["A"].copies[0];
        assert_eq!((copy.bad, copy.bad_served), (Some(CopyState::Frozen), expected), "{served}");
    }
}

#[test]
fn what_a_later_origin_says_is_bad_and_costs_no_other_row() {
    let mut segments = [7, 8].map(|k| segment(k, "v", "on_time", "on_time"));
    segments[1]["state"] = "delayed".into();
    segments[1]["copies"][1]["state"] = "scrambled".into();
    let found = read(&page(&segments), 0, Away::default(), &mut BTreeMap::new());
    assert_eq!(copies(&found["A"]), [good(7), good(8)]);
    assert_eq!(copies(&found["B"]), [good(7), bad(8, CopyState::Other)]);
}
