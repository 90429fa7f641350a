//! When a repair is due: an hour of log time after the last one, whichever process made it. What is
//! checked, and what is read for it.

use async_trait::async_trait;
use tallylight_stream_processor::Settings;
use tallylight_stream_processor::audit::{self, Keeper, Reach};
use tokio_util::sync::CancellationToken;

use super::*;

const HOUR_US: i64 = HOUR_MS * 1_000;

/// Everything before this log time is in files.
#[derive(Debug)]
pub(super) struct Known(pub(super) i64);

#[async_trait]
impl Reach for Known {
    async fn reach(&self) -> Option<i64> {
        Some(self.0)
    }
}

/// Whether the last table is repaired up to `wanted`, seconds of log time, and no further, after a
/// process looked twice, or as often as it takes on a slow disk.
async fn is_repaired(history: &History, known: i64, wanted: i64) -> bool {
    let audit_settings = audit::Settings { enabled: false, look_s: 1, ..Default::default() };
    let settings = Settings { partitions: 4, audit: audit_settings, ..Default::default() };
    let keeper = Keeper::new(&settings, history.clone(), Arc::new(Known(known)));
    let stop = CancellationToken::new();
    let running = tokio::spawn(keeper.run(stop.clone()));
    let mut repaired = 0;
    for look in 1..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        repaired = i64::try_from(history.repaired(Table::Delivery1h).await.unwrap()).unwrap();
        if look > 2 && repaired == wanted {
            break;
        }
    }
    stop.cancel();
    running.await.unwrap();
    repaired == wanted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_is_due_an_hour_after_the_last_one_by_any_process() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(8, 6, |_| 0), None).await;
    let first = known - 2 * HOUR_US;
    let (history, hour) = (&life.history, |us: i64| us / 1_000_000);
    assert!(is_repaired(history, first, hour(first)).await, "none before");
    assert!(is_repaired(history, first + HOUR_US - 1_000_000, hour(first)).await, "too soon");
    assert!(is_repaired(history, first + HOUR_US, hour(first + HOUR_US)).await, "due");
    life.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_with_the_end_of_a_session_repaired_hours_before_does_not_drift() {
    let dir = tempfile::tempdir().unwrap();
    // Three hours of play, with a stall in the first minutes that was reported ten minutes late.
    let fact = |minute: i64| {
        let (sta, late) = [("r", 600_000), ("p", 0)][usize::from(minute != 5)];
        let (at, sta) = (minute * 60_000, if minute == 0 { "s" } else { sta });
        let ts = T0 + at;
        let line = format!("e=ps,sta={sta},sid=\"long\",cid=\"demo\",sn={minute},ts={ts},v=2");
        Fact::Line(line, at, at + 100 + late)
    };
    let mut all: Vec<Fact> = (0..180).map(fact).collect();
    all.sort_by_key(Fact::arrived);
    let (life, known) = live_alone(dir.path(), &all, None).await;
    repair(&life.history, &Limits::default(), known).await.unwrap();
    let audit_settings = audit::Settings { repair_s: 0, look_s: 1, rest: 0, ..Default::default() };
    let settings = Settings { partitions: 4, audit: audit_settings, ..Default::default() };
    let keeper = Keeper::new(&settings, life.history.clone(), Arc::new(Known(known)));
    let (mut stats, stop) = (keeper.stats(), CancellationToken::new());
    let running = tokio::spawn(keeper.run(stop.clone()));
    let checked = stats.wait_for(|stats| stats.hours >= 4);
    let checked = *tokio::time::timeout(Duration::from_secs(30), checked).await.unwrap().unwrap();
    stop.cancel();
    running.await.unwrap();
    assert!(checked.rows > 180, "{checked:?}");
    assert_eq!((checked.drift, checked.late, checked.failures), (0, 0, 0), "{checked:?}");
    life.stop().await;
}

/// A playback of 20 s.
fn played(sid: &str, at: i64) -> Vec<Fact> {
    let states = [("s", 0), ("p", 500), ("r", 9_000), ("p", 9_700), ("q", 20_000)];
    let one = |(sn, (sta, after)): (usize, (&str, i64))| {
        let ts = T0 + at + after;
        let line = format!("e=ps,sta={sta},sid=\"{sid}\",cid=\"demo\",sn={sn},ts={ts},v=2");
        Fact::Line(line, at + after, at + after + 100)
    };
    states.into_iter().enumerate().map(one).collect()
}

/// Moves a table's first or last hour aside; returns both paths.
fn take_away(history: &Path, table: Table, last: bool) -> (PathBuf, PathBuf) {
    let all = std::fs::read_dir(history.join(table.name())).unwrap().map(|one| one.unwrap().path());
    let is_hour = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("hour=");
    let hours = all.filter(is_hour);
    let here = if last { hours.max() } else { hours.min() }.unwrap();
    let aside = history.join(format!("{}-aside", table.name()));
    std::fs::rename(&here, &aside).unwrap();
    (here, aside)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_read_the_same_hour_is_checked_and_no_older_one_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = played("old", 0);
    all.extend(played("new", 54 * HOUR_MS));
    let (life, known) = live_alone(dir.path(), &all, None).await;
    let audit_settings = audit::Settings { repair_s: 0, look_s: 0, rest: 0, ..Default::default() };
    let settings = Settings { partitions: 4, audit: audit_settings, ..Default::default() };
    let keeper = Keeper::new(&settings, life.history.clone(), Arc::new(Known(known)));
    let (mut stats, stop) = (keeper.stats(), CancellationToken::new());
    let running = tokio::spawn(keeper.run(stop.clone()));
    let mut until = async |wanted: fn(&audit::AuditStats) -> bool| {
        let seen = tokio::time::timeout(Duration::from_secs(60), stats.wait_for(wanted));
        *seen.await.unwrap().unwrap()
    };
    // The hours checked by now are so far from the first that its facts no longer matter.
    until(|stats| stats.hours > 50).await;
    // These are rows, not facts: when they are read, the facts of the hour have been read already.
    let (here, aside) = take_away(&folder(&dir), Table::SessionSpans, true);
    take_away(&folder(&dir), Table::PlayerEvents, false);
    until(|stats| stats.failures > 1).await;
    std::fs::rename(aside, here).unwrap();
    let checked = until(|stats| stats.hours > 54).await;
    assert!(checked.rows > 20 && (checked.drift, checked.late) == (0, 0), "{checked:?}");
    stop.cancel();
    running.await.unwrap();
    life.stop().await;
}
