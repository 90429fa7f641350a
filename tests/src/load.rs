//! Load from outside, with a ledger of what was sent and what was acknowledged.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::headers;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A record: its session and its number in it.
pub type Key = (Arc<str>, u64);

/// Records of a session before its sender starts another.
const OF_A_SESSION: u64 = 400;
/// Valid records of a request at a steady rate; it has one more that must be rejected.
const BATCH: u64 = 200;

/// How senders send.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// A few records now and then, until [`Load::end`].
    Players,
    /// A fixed rate of all senders together, for a fixed time; what could not be sent in time is
    /// made up for.
    Steady {
        /// Records per second, of all senders.
        per_s: u64,
        /// Seconds.
        seconds: u64,
    },
}

/// The steady rate that a test uses.
#[derive(Debug)]
pub struct Steady {
    /// Records per second.
    pub per_s: u64,
    /// Seconds.
    pub seconds: u64,
    /// Number of kills meanwhile.
    pub kills: u64,
}

impl Steady {
    /// Senders that share the rate.
    pub const SENDERS: u64 = 16;

    /// The size for `make soak`, or for `make test`.
    pub fn asked() -> Self {
        if std::env::var_os("TALLYLIGHT_SOAK").is_some() {
            Self { per_s: 20_000, seconds: 60, kills: 10 }
        } else {
            Self { per_s: 2_000, seconds: 10, kills: 2 }
        }
    }

    /// How senders send.
    pub fn pace(&self) -> Pace {
        Pace::Steady { per_s: self.per_s, seconds: self.seconds }
    }

    /// Time until the next kill: a random moment of its part of the time.
    pub fn pause(&self) -> Duration {
        let part = self.seconds * 1_000 / self.kills;
        Duration::from_millis(rand::rng().random_range(part / 8..part))
    }
}

/// The load's own ledger.
#[derive(Debug, Default)]
pub struct Load {
    /// What was sent.
    pub sent: Mutex<HashSet<Key>>,
    /// What was acknowledged as accepted.
    pub acknowledged: Mutex<HashSet<Key>>,
    /// Records acknowledged with each fate; a repeated record counts each time.
    pub fates: Mutex<BTreeMap<String, u64>>,
    /// Likewise for requests that were refused, with a fate for each record.
    pub refused: Mutex<BTreeMap<String, u64>>,
    /// Records in all requests answered with fates, taken or refused.
    pub with_fates: AtomicU64,
    /// Requests without an answer, or answered without fates.
    pub without_fates: AtomicU64,
    stop: AtomicBool,
}

/// Adds the fates of an answer.
fn add_fates(fates: &str, into: &Mutex<BTreeMap<String, u64>>) {
    let mut sums = into.lock().unwrap();
    for fate in fates.split(", ") {
        let (fate, records) = fate.rsplit_once('=').expect("a count of each fate");
        *sums.entry(fate.to_owned()).or_default() += records.parse::<u64>().expect("a count");
    }
}

impl Load {
    /// Starts this many senders to the collector at `url`.
    pub fn start(self: &Arc<Self>, url: &str, senders: u64, pace: Pace) -> Vec<JoinHandle<()>> {
        let one = |number| {
            let sender = Sender {
                load: Arc::clone(self),
                url: url.to_owned(),
                client: reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap(),
                rng: StdRng::seed_from_u64(number),
            };
            tokio::spawn(sender.run(number, senders, pace))
        };
        (0..senders).map(one).collect()
    }

    /// Ends the senders once what they hold is acknowledged, and waits for them. Those of a steady
    /// rate finish sending first.
    pub async fn end(&self, senders: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.await.expect("a sender");
        }
    }

    /// Records an answer with fates; returns whether all valid records were accepted.
    fn answered(&self, keys: &[Key], fates: &str) -> bool {
        add_fates(fates, &self.fates);
        let whole = fates.split(", ").any(|fate| fate == format!("accepted={}", keys.len()));
        if whole {
            self.acknowledged.lock().unwrap().extend(keys.iter().cloned());
        }
        whole
    }
}

struct Sender {
    load: Arc<Load>,
    url: String,
    client: reqwest::Client,
    rng: StdRng,
}

impl Sender {
    async fn run(mut self, number: u64, senders: u64, pace: Pace) {
        let (mut sid, mut sn) = (Arc::from(format!("load-{number}-0")), 0);
        let began = Instant::now();
        for batch in 0.. {
            let (count, due) = match pace {
                Pace::Players if self.load.stop.load(Ordering::SeqCst) => return,
                Pace::Players => {
                    let pause = Duration::from_millis(self.rng.random_range(5..60));
                    (self.rng.random_range(1..6), Instant::now() + pause)
                }
                Pace::Steady { per_s, seconds } if batch * BATCH * senders >= per_s * seconds => {
                    return;
                }
                Pace::Steady { per_s, .. } => {
                    let micros = batch * BATCH * senders * 1_000_000 / per_s;
                    (BATCH, began + Duration::from_micros(micros))
                }
            };
            tokio::time::sleep_until(due).await;
            if sn >= OF_A_SESSION {
                sid = Arc::from(format!("load-{number}-{batch}"));
                sn = 0;
            }
            let keys: Vec<Key> = (sn..sn + count).map(|n| (Arc::clone(&sid), n)).collect();
            sn += count;
            self.send(&keys, matches!(pace, Pace::Steady { .. })).await;
        }
    }

    /// Sends a batch, repeated unchanged until acknowledged, as players do. If `bad` it has one
    /// more record, without a session.
    async fn send(&mut self, keys: &[Key], bad: bool) {
        let now = WallClock.now_ms();
        let line = |(sid, n): &Key| {
            let sta = if *n == 0 { "s" } else { "p" };
            format!("cid=\"crash\",e=t,sid=\"{sid}\",sn={n},sta={sta},ts={now},v=2")
        };
        let mut lines: Vec<String> = keys.iter().map(line).collect();
        lines.extend(bad.then(|| format!("cid=\"crash\",e=t,sn=0,sta=p,ts={now},v=2")));
        let body = lines.join("\n");
        self.load.sent.lock().unwrap().extend(keys.iter().cloned());
        loop {
            let request = self.client.post(&self.url).header("content-type", "application/cmcd");
            let answer = request.body(body.clone()).send().await;
            // Now and then the answer is treated as lost, and the batch is repeated. Shed records
            // are sent again, too, until they are accepted.
            let whole = self.take(answer.ok(), keys, lines.len() as u64);
            if whole && self.rng.random_range(0..10) > 0 {
                return;
            }
            let pause = self.rng.random_range(20..200);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Records an answer, if there is one; returns whether all valid records were accepted.
    fn take(&self, answer: Option<reqwest::Response>, keys: &[Key], records: u64) -> bool {
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        let fates = answer.as_ref().and_then(|answer| answer.headers().get(headers::FATES));
        let fates = fates.map(|fates| fates.to_str().expect("text"));
        let counted =
            if fates.is_some() { &self.load.with_fates } else { &self.load.without_fates };
        let counts = if fates.is_some() { records } else { 1 };
        counted.fetch_add(counts, Ordering::SeqCst);
        match (status, fates) {
            (204, fates) => self.load.answered(keys, fates.expect("fates of a 204")),
            (_, Some(fates)) => {
                add_fates(fates, &self.load.refused);
                false
            }
            (_, None) => false,
        }
    }
}
