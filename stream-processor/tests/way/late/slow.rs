//! Viewers whose records took long, and were counted all the same.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_who_was_only_slow_is_not_repaired() {
    let (dir, pipeline) = (tempfile::tempdir().unwrap(), Pipeline::without_processor());
    let often = archive::Settings { checkpoint_s: 1, retry_s: 1, ..Default::default() };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let life = Life::with((Arc::clone(&log), &pipeline.clock), dir.path(), None, often).await;
    let line = |sn: i64, report: &str, ts: i64| {
        format!("{report},sid=\"slow\",cid=\"demo\",sn={sn},ts={},v=2", T0 + ts)
    };
    // Two heartbeats wait for a minute, and come together: a replay of each fact on its own has
    // more entries than the log.
    let parts = [
        (100, vec![line(0, "e=ps,sta=s", 0)]),
        (1_100, vec![line(1, "e=ps,sta=p", 1_000)]),
        (66_000, vec![line(2, "e=t,sta=p", 5_000), line(3, "e=t,sta=p", 6_000)]),
        (70_100, vec![line(4, "e=ps,sta=q", 70_000)]),
    ];
    for (arrived, lines) in parts {
        let at = (T0 + arrived) * 1_000;
        pipeline.clock.advance_us(at - pipeline.clock.now_us());
        log.append(EVENTS, vec![players(&lines, at)]).await.unwrap();
    }
    let known = written(std::slice::from_ref(&life), &pipeline.clock, SETTLED_US).await;
    let done = repair(&life.history, &Limits::default(), known).await.unwrap();
    assert_eq!(done, Default::default());
    let found = audit(&life.history, known).await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    life.stop().await;
}
