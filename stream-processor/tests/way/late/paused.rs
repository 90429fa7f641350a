//! A playback that was paused before it started has spans from before its start.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_from_before_the_start_is_replaced_with_the_others() {
    let dir = tempfile::tempdir().unwrap();
    // Ten minutes of pause, reported every minute, then a playback whose stall is reported late.
    let paused = (0..10).map(|minute| ("a", minute * 60_000, 0));
    let played =
        [("s", 600_000, 0), ("p", 601_000, 0), ("r", 640_000, 1_800_000), ("p", 642_000, 0)];
    let facts = paused.chain(played).chain([("q", 660_000, 0)]).zip(0..);
    let line = |((sta, at, late), sn): ((&str, i64, i64), i64)| {
        let line = format!(
            "e=ps,sta={sta},sid=\"paused\",cid=\"demo\",sn={sn},ts={},br=(600;v),v=2",
            T0 + at
        );
        Fact::Line(line, at, at + 100 + late)
    };
    let mut facts: Vec<Fact> = facts.map(line).collect();
    facts.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &facts, None).await;
    let done = repair(&life.history, &Limits::default(), known).await.unwrap();
    assert_eq!(done.sessions, 1, "{done:?}");
    let states = "SELECT state FROM rows WHERE sid = 'paused' AND state = 'paused'";
    let rows = life.history.select(Table::SessionSpans, states).await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    let found = audit(&life.history, known).await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    life.stop().await;
}
