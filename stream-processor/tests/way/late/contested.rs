//! More values than cells: which value has a cell depends on when log time advanced.

use tallylight_stream_processor::Settings;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_choice_of_cells_is_not_drift() {
    let (dir, pipeline) = (tempfile::tempdir().unwrap(), Pipeline::without_processor());
    let limits = Limits { cells: 3, ..Limits::default() };
    let archive = archive::Settings { checkpoint_s: 1, retry_s: 1, ..Default::default() };
    // The only ticks are those below.
    let settings =
        Settings { tick_ms: 5_000, limits: limits.clone(), archive, ..Settings::default() };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let life = Life::of((Arc::clone(&log), &pipeline.clock), dir.path(), None, settings).await;
    let (mut rng, mut at, mut sent) = (StdRng::seed_from_u64(seed()), 0, 0);
    while at < 180_000 {
        at += rng.random_range(5..120);
        pipeline.clock.advance_us((T0 + at) * 1_000 - pipeline.clock.now_us());
        // Log time also advances by other entries, so a replay contests cells at other times.
        if rng.random_range(0..2) == 0 {
            log.append(EVENTS, vec![part(Kind::Tick, Vec::new(), Vec::new())]).await.unwrap();
            continue;
        }
        let viewer = rng.random_range(0..40);
        // Most watch one thing, then another.
        let content = if viewer % 3 == 0 { viewer % 9 } else { at / 20_000 };
        let line = format!(
            "e=t,sta=p,sid=\"viewer-{viewer}\",cid=\"c{content}\",sn={sent},ts={},v=2",
            T0 + at
        );
        sent += 1;
        let part = players(&[line], (T0 + at + 50) * 1_000);
        log.append(EVENTS, vec![part]).await.unwrap();
    }
    let known = written(std::slice::from_ref(&life), &pipeline.clock, SETTLED_US).await;
    let all = (i64::MIN..i64::MAX, known);
    let found = Audit::all(&life.history, 4, &limits, all).await.unwrap().unwrap();
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    let playback = found.reports.iter().filter(|report| report.table == "playback");
    assert!(playback.map(|report| report.rows).sum::<u64>() > 100, "{found:#?}");
    life.stop().await;
}
