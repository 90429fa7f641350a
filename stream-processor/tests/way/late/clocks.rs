//! Times that are not believed: of a player that sends arbitrary ones, and of a device whose clock
//! is set during a playback.

use super::*;

/// 2000-01-01, the earliest that the collector accepts, and a day in 2015, both ms.
const LONG_AGO: [i64; 2] = [946_684_800_000, 1_420_070_400_000];

/// A playback whose records have the times in `stated`, where given, instead of their own.
fn played(sid: &str, at: i64, stated: [Option<i64>; 5]) -> Vec<Fact> {
    let states = [("s", 0), ("p", 500), ("r", 9_000), ("p", 9_700), ("q", 20_000)];
    let one = |(sn, ((sta, after), stated)): (usize, ((&str, i64), Option<i64>))| {
        let ts = stated.map_or(T0 + at, |stated| stated + at) + after;
        let line =
            format!("e=ps,sta={sta},sid=\"{sid}\",cid=\"demo\",sn={sn},ts={ts},br=(600;v),v=2");
        Fact::Line(line, at + after, at + after + 100)
    };
    states.into_iter().zip(stated).enumerate().map(one).collect()
}

/// The hours before 2020 among a table's folders.
fn hours(history: &Path, table: Table) -> Vec<String> {
    let folders = std::fs::read_dir(history.join(table.name())).unwrap().flatten();
    let names = folders.map(|one| one.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("hour=") && name.as_str() < "hour=2020").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impossible_times_leave_a_session_as_it_was_counted() {
    let dir = tempfile::tempdir().unwrap();
    let [earliest, boot] = LONG_AGO;
    let mut all = facts(seed(), 10, up_to_48_hours);
    // Arbitrary times, a later playback of the same session, and a TV whose clock is set meanwhile.
    all.extend(played("any", 60_000, [None, Some(earliest), Some(earliest), None, None]));
    all.extend(played("any", 3 * HOUR_MS, [None; 5]));
    all.extend(played("tv", 90_000, [Some(boot), Some(boot), None, None, None]));
    // If a clock is always wrong, its offset is corrected.
    all.extend(played("slow", 120_000, [Some(boot); 5]));
    all.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &all, None).await;
    let before = audit(&life.history, known).await;
    assert_eq!(before.drift, 0, "{before:#?}");
    let of = async |sid: &str| {
        let rows = rows_without(&life.history, Table::Sessions, &["hour"]).await;
        rows.into_iter().filter(|row| row.contains(&format!("|{sid}|"))).collect::<Vec<_>>()
    };
    let live = [of("any").await, of("tv").await, of("slow").await];
    assert_eq!(live.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1], "{live:#?}");
    let done = repair(&life.history, &Limits::default(), known).await.unwrap();
    assert_eq!((done.left_out, done.rows_left_out), (2, 0), "{done:?}");
    assert!(done.sessions > 0, "{done:?}");
    for table in CHECKED {
        assert_eq!(hours(&folder(&dir), table), Vec::<String>::new());
    }
    assert_eq!([of("any").await, of("tv").await, of("slow").await], live);
    let after = audit(&life.history, known).await;
    assert_eq!((after.drift, after.late), (0, 0), "{after:#?}");
    life.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_repaired_before_its_clock_went_wrong_stays_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let stall = |fact: Fact| match fact {
        Fact::Line(line, at, arrived) if at == 69_000 => Fact::Line(line, at, arrived + 600_000),
        other => other,
    };
    let mut all: Vec<Fact> = played("twice", 60_000, [None; 5]).into_iter().map(stall).collect();
    let stated = [None, Some(LONG_AGO[0]), None, None, None];
    all.extend(played("twice", 2 * HOUR_MS, stated));
    all.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &all, None).await;
    for (until, out) in [((T0 + HOUR_MS) * 1_000, 0), (known, 1)] {
        let done = repair(&life.history, &Limits::default(), until).await.unwrap();
        assert_eq!(done.left_out, out, "{done:?}");
        let found = audit(&life.history, known).await;
        assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    }
    life.stop().await;
}
