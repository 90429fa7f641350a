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

/// Records of a session before its sender begins another.
const OF_A_SESSION: u64 = 400;
/// Records of a request at a steady rate; one more is none that could be taken.
const BATCH: u64 = 200;

/// How senders send.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// A few records now and then, until [`Load::end`].
    Players,
    /// So many records a second together, for so many seconds; what could not be sent in time is
    /// made up for.
    Steady {
        /// Records a second, of all senders.
        per_s: u64,
        /// Seconds.
        seconds: u64,
    },
}

/// How much of a steady rate a test is asked for.
#[derive(Debug)]
pub struct Steady {
    /// Records a second.
    pub per_s: u64,
    /// Seconds.
    pub seconds: u64,
    /// How often something is killed meanwhile.
    pub kills: u64,
}

impl Steady {
    /// Senders that keep the rate together.
    pub const SENDERS: u64 = 16;

    /// As `make soak` wants it, or `make test`.
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

    /// Until the next kill: any moment of its part of the time.
    pub fn pause(&self) -> Duration {
        let part = self.seconds * 1_000 / self.kills;
        Duration::from_millis(rand::rng().random_range(part / 8..part))
    }
}

/// The outside ledger of the load.
#[derive(Debug, Default)]
pub struct Load {
    /// What was sent.
    pub sent: Mutex<HashSet<Key>>,
    /// What was acknowledged as accepted.
    pub acknowledged: Mutex<HashSet<Key>>,
    /// Records acknowledged with each fate, the same one as often as it was answered.
    pub fates: Mutex<BTreeMap<String, u64>>,
    /// The same of requests that were refused, with a fate for each record.
    pub refused: Mutex<BTreeMap<String, u64>>,
    /// Records in all requests that were answered with fates, taken or refused.
    pub told: AtomicU64,
    /// Requests that nobody answered, or without fates.
    pub untold: AtomicU64,
    stop: AtomicBool,
}

/// Adds the fates of an answer.
fn book(fates: &str, into: &Mutex<BTreeMap<String, u64>>) {
    let mut booked = into.lock().unwrap();
    for fate in fates.split(", ") {
        let (fate, records) = fate.rsplit_once('=').expect("a count of each fate");
        *booked.entry(fate.to_owned()).or_default() += records.parse::<u64>().expect("a count");
    }
}

impl Load {
    /// Starts so many senders to the collector at `url`.
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

    /// Has the senders end once what they hold is acknowledged, and waits for them. Those of a
    /// steady rate send first what they are to send.
    pub async fn end(&self, senders: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.await.expect("a sender");
        }
    }

    /// Books an answer; whether all that could be taken was.
    fn answered(&self, keys: &[Key], fates: &str) -> bool {
        book(fates, &self.fates);
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

    /// A batch, repeated as it is until acknowledged, as players do; with a record that belongs
    /// to no session, where `bad`.
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
            // Now and then the answer is lost on its way, and the player repeats. What was
            // shed is sent again, too, until it is in.
            let whole = self.took(answer.ok(), keys, lines.len() as u64);
            if whole && self.rng.random_range(0..10) > 0 {
                return;
            }
            let pause = self.rng.random_range(20..200);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Books an answer, if there is one; whether all that could be taken was.
    fn took(&self, answer: Option<reqwest::Response>, keys: &[Key], records: u64) -> bool {
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        let fates = answer.as_ref().and_then(|answer| answer.headers().get(headers::FATES));
        let fates = fates.map(|fates| fates.to_str().expect("text"));
        let counted = if fates.is_some() { &self.load.told } else { &self.load.untold };
        let counts = if fates.is_some() { records } else { 1 };
        counted.fetch_add(counts, Ordering::SeqCst);
        match (status, fates) {
            (204, fates) => self.load.answered(keys, fates.expect("fates of a 204")),
            (_, Some(fates)) => {
                book(fates, &self.load.refused);
                false
            }
            (_, None) => false,
        }
    }
}
