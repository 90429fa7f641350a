//! Old facts are not read: a repair reads only the facts that matter to arrivals since the last
//! one, and its result equals that of reading all of history.

use super::*;

const DAY_MS: i64 = 24 * HOUR_MS;

/// A playback whose third record and edge report arrive `late` ms after their time.
fn played(sid: &str, at: i64, late: i64) -> Vec<Fact> {
    let states = [("s", 0), ("p", 500), ("r", 9_000), ("p", 9_700), ("q", 20_000)];
    let one = |(sn, (sta, after)): (usize, (&str, i64))| {
        let ts = T0 + at + after;
        let line =
            format!("e=ps,sta={sta},sid=\"{sid}\",cid=\"demo\",sn={sn},ts={ts},br=(600;v),v=2");
        Fact::Line(line, at + after, at + after + 100 + late * i64::from(sn == 2))
    };
    let mut facts: Vec<Fact> = states.into_iter().enumerate().map(one).collect();
    facts.push(Fact::Served(sid.to_owned(), at as u64, at + 9_100, at + 9_200 + late));
    facts
}

/// Moves the first day's facts aside, or back.
fn take_away(history: &Path, away: bool) -> usize {
    let mut moved = 0;
    for table in [Table::PlayerEvents, Table::DeliveryEvents] {
        let (here, aside) =
            (history.join(table.name()), history.join(format!("{}-old", table.name())));
        std::fs::create_dir_all(&aside).unwrap();
        let (from, to) = if away { (&here, &aside) } else { (&aside, &here) };
        let mut hours: Vec<_> = std::fs::read_dir(from).unwrap().map(|one| one.unwrap()).collect();
        hours.retain(|one| one.file_name().to_string_lossy().starts_with("hour="));
        hours.sort_by_key(std::fs::DirEntry::file_name);
        let day = hours[0].file_name().to_string_lossy()[..15].to_owned();
        for hour in hours.iter().filter(|one| one.file_name().to_string_lossy().starts_with(&day)) {
            std::fs::rename(hour.path(), to.join(hour.file_name())).unwrap();
            moved += 1;
        }
    }
    moved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_reads_no_facts_of_sessions_that_ended_long_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = played("old", 0, 600_000);
    all.extend(played("new", 7 * DAY_MS, 600_000));
    all.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &all, None).await;
    let first = (T0 + 4 * DAY_MS) * 1_000;
    let done = repair(&life.history, &Limits::default(), first).await.unwrap();
    assert_eq!(done.sessions, 1, "{done:?}");
    assert!(take_away(&folder(&dir), true) >= 2);
    let done = repair(&life.history, &Limits::default(), known).await.unwrap();
    assert!(done.sessions == 1 && done.files > 0, "{done:?}");
    take_away(&folder(&dir), false);
    let found = audit(&life.history, known).await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    life.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consecutive_repairs_equal_one_that_reads_all_of_history() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = facts(seed(), 30, up_to_48_hours);
    // Sessions that play repeatedly, some while records of the playback before are still to arrive.
    for (at, late) in [(0, 30), (20, 1), (27, 0), (45, 3)] {
        all.extend(played("again", at * HOUR_MS, late * HOUR_MS));
        all.extend(played("weekly", 12 * at * HOUR_MS, 2 * late * HOUR_MS));
    }
    all.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &all, None).await;
    let mut sessions = 0;
    let moments =
        [3, 12, 21, 22, 26, 31, 40, 49, 64, 250, 330].map(|hour| (T0 + hour * HOUR_MS) * 1_000);
    for at in moments.into_iter().chain([known]) {
        let done = repair(&life.history, &Limits::default(), at).await.unwrap();
        sessions += u64::from(done.sessions > 0);
        let found = audit(&life.history, known).await;
        let drifting = found.reports.iter().find(|report| report.drift > 0);
        assert_eq!(drifting, None, "after the repair up to {at}");
    }
    assert!(sessions > 6, "{sessions}");
    let found = audit(&life.history, known).await;
    assert_eq!((found.rows > 1_000, found.late), (true, 0));
    life.stop().await;
}
