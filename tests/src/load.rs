//! Load from outside, with a ledger of what was sent and what was acknowledged.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_schemas::clock::{Clock, WallClock};
use tokio::task::JoinHandle;

/// A record: its session and its number in it.
pub type Key = (String, u64);

/// The outside ledger of the load.
#[derive(Debug, Default)]
pub struct Load {
    /// What was sent.
    pub sent: Mutex<HashSet<Key>>,
    /// What was acknowledged.
    pub acknowledged: Mutex<HashSet<Key>>,
    stop: AtomicBool,
}

impl Load {
    /// Starts so many senders to the collector at `url`.
    pub fn start(self: &Arc<Self>, url: &str, senders: u64) -> Vec<JoinHandle<()>> {
        let one = |number| tokio::spawn(send(Arc::clone(self), url.to_owned(), number));
        (0..senders).map(one).collect()
    }

    /// Has the senders end once what they hold is acknowledged, and waits for them.
    pub async fn end(&self, senders: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.await.expect("a sender");
        }
    }
}

/// Small batches, each repeated as it is until acknowledged, as players do.
async fn send(load: Arc<Load>, url: String, number: u64) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    let clock = WallClock;
    let mut rng = StdRng::seed_from_u64(number);
    let (mut sid, mut sn) = (format!("load-{number}-0"), 0);
    while !load.stop.load(Ordering::SeqCst) {
        if sn >= 400 {
            sid = format!("load-{number}-{}", clock.now_ms());
            sn = 0;
        }
        let count = rng.random_range(1..6);
        let keys: Vec<Key> = (sn..sn + count).map(|n| (sid.clone(), n)).collect();
        let lines: Vec<String> = keys
            .iter()
            .map(|(sid, n)| {
                let sta = if *n == 0 { "s" } else { "p" };
                format!(
                    "cid=\"crash\",e=t,sid=\"{sid}\",sn={n},sta={sta},ts={},v=2",
                    clock.now_ms()
                )
            })
            .collect();
        let body = lines.join("\n");
        sn += count;
        load.sent.lock().unwrap().extend(keys.iter().cloned());
        loop {
            let answer =
                client.post(&url).header("content-type", "application/cmcd").body(body.clone());
            if answer.send().await.is_ok_and(|answer| answer.status() == 204) {
                load.acknowledged.lock().unwrap().extend(keys.iter().cloned());
                // Now and then the answer is lost on its way, and the player repeats.
                if rng.random_range(0..10) > 0 {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(rng.random_range(20..200))).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(5..60))).await;
    }
}
