//! Sessions that were forgotten early, because many ended, and come back.

use tallylight_stream_processor::Settings;

use super::*;

/// A playback from `at` on whose stall is reported `late` ms after its time.
fn played(sid: &str, at: i64, first: usize, late: i64) -> Vec<Fact> {
    let states = [("s", 0), ("p", 500), ("r", 9_000), ("p", 9_700), ("q", 20_000)];
    let one = |(n, (sta, after)): (usize, (&str, i64))| {
        let (ts, sn) = (T0 + at + after, first + n);
        // A session that comes back continues its playback.
        let sta = if first > 0 && n == 0 { "p" } else { sta };
        let line =
            format!("e=ps,sta={sta},sid=\"{sid}\",cid=\"demo\",sn={sn},ts={ts},br=(600;v),v=2");
        Fact::Line(line, at + after, at + after + 100 + late * i64::from(n == 2))
    };
    states.into_iter().enumerate().map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_part_of_a_session_forgotten_early_is_counted_twice() {
    let (dir, pipeline) = (tempfile::tempdir().unwrap(), Pipeline::without_processor());
    let limits = Limits { closed: 1, ..Limits::default() };
    let archive = archive::Settings { checkpoint_s: 1, retry_s: 1, ..Default::default() };
    let settings = Settings {
        tick_ms: 10,
        retry_ms: 1,
        limits: limits.clone(),
        archive,
        ..Default::default()
    };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let life = Life::of((Arc::clone(&log), &pipeline.clock), dir.path(), None, settings).await;
    let mut all: Vec<Fact> =
        (0..40).flat_map(|n| played(&format!("other-{n}"), 1_000 + n, 0, 0)).collect();
    for back in ["one", "two", "three"] {
        all.extend(played(back, 0, 0, 0));
        // It comes back within ten minutes, and one of its records is ten minutes late.
        all.extend(played(back, 400_000, 5, 600_000));
    }
    all.sort_by_key(Fact::arrived);
    for fact in &all {
        let Fact::Line(line, _, arrived) = fact else { continue };
        let at = (T0 + arrived) * 1_000;
        // Log time also passes by ticks, so that ended sessions are forgotten.
        while pipeline.clock.now_us() + 10_000_000 < at {
            pipeline.clock.advance_us(10_000_000);
            log.append(EVENTS, vec![part(Kind::Tick, Vec::new(), Vec::new())]).await.unwrap();
        }
        pipeline.clock.advance_us((at - pipeline.clock.now_us()).max(0));
        log.append(EVENTS, vec![players(std::slice::from_ref(line), at)]).await.unwrap();
    }
    let known = written(std::slice::from_ref(&life), &pipeline.clock, SETTLED_US).await;
    let audited = async || {
        let all = (i64::MIN..i64::MAX, known);
        Audit::all(&life.history, 4, &limits, all).await.unwrap().unwrap()
    };
    let epochs = async || {
        let sessions = rows_without(&life.history, Table::Sessions, &["hour"]).await;
        sessions.iter().filter(|row| row.contains("|one|")).count()
    };
    assert_eq!(epochs().await, 2, "it was forgotten");
    let found = audited().await;
    assert!(found.drift == 0 && found.late > 0, "{found:#?}");
    let done = repair(&life.history, &limits, known).await.unwrap();
    assert_eq!(done.left_out, 0, "{done:?}");
    let found = audited().await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    assert_eq!(epochs().await, 2);
    let sql = "SELECT sum(playing_ms), sum(attempts) FROM rows WHERE cuboid = 'content'";
    let panes = life.history.select(Table::Playback, sql).await.unwrap();
    let sql = "SELECT sum(playing_ms), count(*) FROM rows";
    let sessions = life.history.select(Table::Sessions, sql).await.unwrap();
    let sum = |of: &[RecordBatch]| of[0].column(0).as_primitive::<Int64Type>().value(0);
    assert_eq!(sum(&panes), sum(&sessions));
    life.stop().await;
}
