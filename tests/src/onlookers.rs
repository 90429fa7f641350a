//! Viewers that watch throughout, and how many of them the feed reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tallylight_schemas::clock::{Clock, WallClock};
use tokio::task::JoinHandle;

use crate::world::World;

/// Enough to be in all partitions.
const VIEWERS: i64 = 40;
/// Seconds that must be whole after something was missing. A test watches for half a minute, in
/// which processors come and go three times.
const WHOLE: usize = 10;
/// What they watch.
const CONTENT: &str = "all-the-time";

/// Viewers that report, and a client of the feed that counts them, until the [end](Self::end).
#[derive(Debug)]
pub struct Onlookers {
    stop: Arc<AtomicBool>,
    reporting: JoinHandle<i64>,
    looking: JoinHandle<Seen>,
}

/// What the feed reported.
#[derive(Debug, Default)]
struct Seen {
    /// The least number of viewers reported for each pane with all partitions, by Unix ms.
    whole: BTreeMap<i64, i64>,
    /// Pane (Unix ms) and viewers of each row that was marked as partial.
    partial: Vec<(i64, i64)>,
}

impl Onlookers {
    /// Starts them.
    pub async fn start(world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let feed = world.url(0).replace("http", "ws") + "/v1/feed?since_s=1";
        let url = format!("{}/v1/cmcd?k=demo", world.collector());
        let (socket, _) = tokio_tungstenite::connect_async(feed).await.expect("the feed");
        let reporting = tokio::spawn(report(url, Arc::clone(&stop)));
        let until = Arc::clone(&stop);
        let looking = tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut messages = socket;
            while !until.load(Ordering::SeqCst) {
                let next = tokio::time::timeout(Duration::from_secs(5), messages.next()).await;
                let message = next.expect("a status each second").expect("the feed goes on");
                if let Ok(text) = message.expect("a message").to_text() {
                    seen.take(&serde_json::from_str(text).unwrap_or_default());
                }
            }
            seen
        });
        Self { stop, reporting, looking }
    }

    /// Ends them, and checks that each pane was either marked as partial or counted all of them:
    /// viewers that cannot be counted for a while are never shown as gone.
    pub async fn end(self, what: &str) {
        self.stop.store(true, Ordering::SeqCst);
        let (all_since, seen) = (self.reporting.await.unwrap(), self.looking.await.unwrap());
        seen.judge(what, all_since);
    }
}

impl Seen {
    #[allow(clippy::print_stdout, reason = "the figures of a run")]
    fn judge(&self, what: &str, all_since: i64) {
        let from = all_since.saturating_add(2_000);
        let fewest = self.partial.iter().map(|(_, viewers)| viewers).min();
        let missing = self.partial.iter().map(|(pane, _)| *pane).filter(|pane| *pane >= from);
        let whole = |from: i64| self.whole.range(from..);
        println!(
            "figure: {what}: {} whole seconds with {VIEWERS} viewers, {} partial rows with {fewest:?}",
            whole(from).count(),
            self.partial.len(),
        );
        let fewer: Vec<_> = whole(from).filter(|(_, n)| **n != VIEWERS).take(5).collect();
        assert!(fewer.is_empty(), "{what}: viewers by pane that is not partial: {fewer:?}");
        let missing = missing.min().unwrap_or_else(|| panic!("{what}: nothing was ever missing"));
        let judged = whole(missing).count();
        assert!(judged >= WHOLE, "{what}: only {judged} seconds were whole after one was not");
    }

    fn take(&mut self, message: &Value) {
        for row in message["playback"].as_array().into_iter().flatten() {
            if row["cuboid"] != "content" || row["cell"]["content"] != CONTENT {
                continue;
            }
            let viewers = row["m"]["viewers"].as_i64().unwrap_or(0);
            let pane = row["pane"].as_i64().unwrap_or(0);
            if row["partial"] == true {
                self.partial.push((pane, viewers));
                continue;
            }
            let least = self.whole.entry(pane).or_insert(viewers);
            *least = viewers.min(*least);
        }
    }
}

/// Reports each second that every viewer plays, and returns since when all are known.
async fn report(url: String, stop: Arc<AtomicBool>) -> i64 {
    let client = reqwest::Client::new();
    let (mut sn, mut all_since) = (0, i64::MAX);
    while !stop.load(Ordering::SeqCst) {
        let now = WallClock.now_ms();
        let line =
            |n| format!("cid=\"{CONTENT}\",e=t,sid=\"onlooker-{n}\",sn={sn},sta=p,ts={now},v=2");
        let body = (0..VIEWERS).map(line).collect::<Vec<_>>().join("\n");
        let post = client.post(&url).header("content-type", "application/cmcd").body(body);
        // A refused report is not repeated: the next one follows in a second.
        if post.send().await.is_ok_and(|answer| answer.status() == 204) {
            all_since = all_since.min(now);
        }
        sn += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    all_since
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that were partial first and whole later, with this many viewers.
    fn seen(seconds: i64, viewers: i64) -> Seen {
        let panes = (0..seconds).map(|second| 10_000 + second * 1_000);
        Seen {
            whole: panes.clone().map(|pane| (pane, viewers)).collect(),
            partial: panes.map(|pane| (pane, 7)).collect(),
        }
    }

    #[test]
    fn half_a_minute_of_whole_seconds_passes() {
        seen(30, VIEWERS).judge("test", 5_000);
    }

    #[test]
    #[should_panic(expected = "viewers by pane that is not partial")]
    fn viewers_shown_as_gone_fail() {
        seen(30, VIEWERS - 1).judge("test", 5_000);
    }

    #[test]
    #[should_panic(expected = "only 9 seconds were whole")]
    fn too_little_to_judge_fails() {
        seen(9, VIEWERS).judge("test", 5_000);
    }

    #[test]
    #[should_panic(expected = "nothing was ever missing")]
    fn a_run_without_any_gap_fails() {
        seen(30, VIEWERS).judge("test", i64::MAX);
    }
}
