//! While the archive is stalled, views lack what has ended since, and do not call that final.

use super::fill::with_budget;
use super::*;
use crate::log::players;

/// Views of which processors answer the rest.
const VIEWED: [Table; 2] = [Table::SessionSpans, Table::Playback];

/// Up to where views of both tables are final, Unix µs; `None` while the state is read again.
async fn final_up_to(history: &History) -> Option<i64> {
    let mut least = i64::MAX;
    for table in VIEWED {
        history.view(table).await.unwrap();
        least = least.min(history.final_up_to(table)?);
    }
    Some(least)
}

/// A second of viewers, one of whom plays all the time in one span.
async fn second(pipeline: &mut Pipeline, life: &Life, second: i64) {
    let at = pipeline.clock.now_us();
    let ts = at / 1_000 - 20;
    let line =
        format!("e=ps,sta=p,sid=\"patient\",cid=\"demo\",sn={second},ts={ts},br=(600;v),v=2");
    pipeline.append(vec![players(&[line], at)]).await;
    pipeline.second(second, 30).await;
    pipeline.clock.advance_us(1_000_000);
    life.caught_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_while_the_archive_is_stalled_is_not_final_until_it_is_filled() {
    let (mut pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
    let (life, budget) = with_budget(&pipeline, &dir).await;
    let (clock, began) = (Arc::clone(&pipeline.clock), pipeline.clock.now_us());
    for at in 0..180 {
        second(&mut pipeline, &life, at).await;
    }
    budget.0.store(0, Ordering::SeqCst);
    for at in 180..240 {
        second(&mut pipeline, &life, at).await;
    }
    let pass = async || clock.advance_us(100_000);
    until(life.handle.stats(), |archive| archive.standing, &pass).await;
    let stood = final_up_to(&life.history).await.unwrap();
    assert!(stood > began + 10_000_000, "{stood}: the patient viewer is in the state");

    // Every session ends and is forgotten.
    for _ in 0..120 {
        pipeline.clock.advance_us(10_000_000);
        pipeline.append(Vec::new()).await;
    }
    life.caught_up().await;
    assert!(life.handle.stats().borrow().archive.unwrap().standing);
    let stood = final_up_to(&life.history).await.unwrap();
    assert!(stood < began + 5_000_000, "{stood}: the patient viewer is missing since {began}");

    budget.0.store(i64::MAX, Ordering::SeqCst);
    until(life.handle.stats(), |archive| !archive.standing, &pass).await;
    let mut tries = 0;
    while final_up_to(&life.history).await.is_none_or(|at| at < began + 1_000_000_000) {
        tries += 1;
        assert!(tries < 3_000, "{:?}", life.handle.stats().borrow().archive);
        pass().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    life.stop().await;
}
