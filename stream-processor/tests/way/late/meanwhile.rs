//! A repair or the caps change history while it is checked: no row drifts for that.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tallylight_store::history::{Settings as Caps, hour_of};
use tallylight_stream_processor::Settings;
use tallylight_stream_processor::audit::{self, Keeper};
use tokio_util::sync::CancellationToken;

use super::expired::with_caps;
use super::keeper::Known;
use super::*;

/// Polls a future until it ends, or `until` says so of the number of polls; returns that number.
async fn polled<F: Future>(
    mut future: Pin<&mut F>,
    mut until: impl FnMut(usize) -> bool,
) -> (usize, Option<F::Output>) {
    let mut polls = 0;
    let ended = poll_fn(|context| {
        if until(polls) {
            return Poll::Ready(None);
        }
        polls += 1;
        future.as_mut().poll(context).map(Some)
    });
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    (polls, ended)
}

/// An audit in pieces that stands still for a `change` after a share of its work, in percent.
async fn audit_around(
    (history, known): (&History, i64),
    share: usize,
    change: impl Future<Output = ()>,
) -> Findings {
    let limits = Limits::default();
    let all = || (i64::MIN..i64::MAX, known);
    let audit = || Box::pin(Audit::all_by(history, 4, &limits, all(), 200));
    let (polls, _) = polled(audit().as_mut(), |_| false).await;
    let mut at = polls * share / 100;
    let halted = loop {
        let mut one = audit();
        let (_, ended) = polled(one.as_mut(), |polls| polls == at).await;
        if ended.is_none() {
            break one;
        }
        // The files were read faster than the first time.
        at /= 2;
    };
    change.await;
    halted.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_repaired_during_an_audit_do_not_drift() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(seed(), 40, up_to_48_hours), None).await;
    let repaired = Box::pin(async {
        let done = repair(&life.history, &Limits::default(), known).await.unwrap();
        assert!(done.sessions > 0, "{done:?}");
    });
    // By then it knows what came late, and has rows yet to compare.
    let found = audit_around((&life.history, known), 50, repaired).await;
    assert!(found.rows > 1_000 && found.drift == 0, "{found:#?}");
    let after = audit(&life.history, known).await;
    assert_eq!((after.drift, after.late), (0, 0), "{after:#?}");
    life.stop().await;
}

/// Playbacks over two hours, and a viewer who is there when the log's first hour ends.
fn two_hours() -> Vec<Fact> {
    let line = |minute: i64| {
        let (at, sta) = (minute * 60_000, ["p", "s"][usize::from(minute == 20)]);
        let ts = T0 + at;
        let line = format!("e=ps,sta={sta},sid=\"long\",cid=\"demo\",sn={minute},ts={ts},v=2");
        Fact::Line(line, at, at + 100)
    };
    let mut all = facts(8, 30, |_| 0);
    all.extend((20..80).map(line));
    all.sort_by_key(Fact::arrived);
    all
}

/// The caps remove something, in the log's fifth hour.
async fn expire(history: &History, known: i64) {
    let tended = history.tend(hour_of(known)).await.unwrap();
    assert!(tended.removed_rows > 0, "{tended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_that_the_caps_remove_during_its_audit_does_not_drift() {
    // The first of the log's hours expires from all tables but minutes and hours, or of panes only.
    let of_all = Caps { cap_hours: 3, ..Caps::default() };
    let of_panes = Caps { cap_hours_panes: 3, ..Caps::default() };
    for caps in [of_all, of_panes] {
        let dir = tempfile::tempdir().unwrap();
        let (life, known) = live_alone(dir.path(), &two_hours(), None).await;
        let history = with_caps(&dir, life, known, caps.clone()).await;
        let whole = audit(&history, known).await;
        assert_eq!((whole.drift, whole.late), (0, 0), "{whole:#?}");
        // By then it compares the first hour.
        let expired = Box::pin(expire(&history, known));
        let found = audit_around((&history, known), 20, expired).await;
        assert_eq!((found.drift, found.late), (0, 0), "{caps:?} {found:#?}");
        assert!(found.rows > 0 && found.rows < whole.rows, "{caps:?} {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_whose_facts_expire_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &two_hours(), None).await;
    let history = with_caps(&dir, life, known, Caps { cap_hours: 3, ..Caps::default() }).await;
    let audit_settings = audit::Settings { repair_s: 0, look_s: 0, rest: 0, ..Default::default() };
    let settings = Settings { partitions: 4, audit: audit_settings, ..Default::default() };
    let begin = || {
        let keeper = Keeper::new(&settings, history.clone(), Arc::new(Known(known)));
        (keeper.stats(), Box::pin(keeper.run(CancellationToken::new())))
    };
    let (stats, mut first) = begin();
    let (polls, _) = polled(first.as_mut(), |_| stats.borrow().hours > 0).await;
    drop(first);
    let (stats, mut second) = begin();
    polled(second.as_mut(), |now| now >= polls / 2).await;
    assert_eq!(stats.borrow().hours, 0, "it is still at the first hour");
    expire(&history, known).await;
    polled(second.as_mut(), |_| stats.borrow().hours > 1).await;
    let checked = *stats.borrow();
    assert!(checked.rows > 0, "{checked:?}");
    assert_eq!((checked.drift, checked.late, checked.failures), (0, 0, 0), "{checked:?}");
}
