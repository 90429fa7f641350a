//! Clients that post the same body over and over, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

/// The outcome of some POSTs.
#[derive(Debug, Default)]
pub struct Outcome {
    pub posts: u64,
    pub accepted: u64,
    pub statuses: BTreeMap<u16, u64>,
    /// Until each was answered, in ascending order.
    pub latencies: Vec<Duration>,
    pub took: Duration,
}

impl Outcome {
    pub fn goodput(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    pub fn add(&mut self, other: Outcome) {
        self.posts += other.posts;
        self.accepted += other.accepted;
        other.statuses.into_iter().for_each(|(status, posts)| {
            *self.statuses.entry(status).or_default() += posts;
        });
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
        self.took += other.took;
    }

    pub fn posts_per_s(&self) -> f64 {
        self.posts as f64 / self.took.as_secs_f64()
    }

    pub fn taken(&self) -> u64 {
        self.statuses.get(&204).copied().unwrap_or_default()
    }
}

pub struct Clients {
    pub client: reqwest::Client,
    pub url: String,
    pub packed: bool,
    pub body: Vec<u8>,
}

impl Clients {
    /// A POST: its status (0: no answer in time), the accepted records, and the latency.
    pub async fn post(&self) -> (u16, u64, Duration) {
        self.post_as("demo", if self.packed { "gzip" } else { "identity" }, self.body.clone()).await
    }

    pub async fn post_as(&self, key: &str, encoding: &str, body: Vec<u8>) -> (u16, u64, Duration) {
        let sent = Instant::now();
        let request = self.client.post(format!("{}{key}", self.url));
        let answer = request.header("content-encoding", encoding).body(body).send().await;
        let Ok(answer) = answer else { return (0, 0, sent.elapsed()) };
        let fates = answer.headers().get("tallylight-fates").map(|fates| fates.to_str().unwrap());
        let accepted = fates.unwrap_or_default().split(", ").find_map(|fate| {
            fate.strip_prefix("accepted=").map(|records| records.parse::<u64>().unwrap())
        });
        let outcome = (answer.status().as_u16(), accepted.unwrap_or_default(), sent.elapsed());
        // The connection is used again only once its answer was read.
        let _ = answer.bytes().await;
        outcome
    }

    /// One POST after another, ten a second at most.
    pub async fn calmly(
        &self,
        duration: Duration,
        post: impl AsyncFn() -> (u16, u64, Duration),
    ) -> Outcome {
        let (began, mut answers) = (Instant::now(), Vec::new());
        while began.elapsed() < duration {
            let next = Instant::now() + Duration::from_millis(100);
            answers.push(post().await);
            sleep_until(next).await;
        }
        self.sum(answers, began)
    }

    fn sum(&self, answers: Vec<(u16, u64, Duration)>, began: Instant) -> Outcome {
        let mut outcome = Outcome { posts: answers.len() as u64, ..Outcome::default() };
        outcome.took = began.elapsed();
        for (status, accepted, latency) in answers {
            *outcome.statuses.entry(status).or_default() += 1;
            outcome.accepted += accepted;
            outcome.latencies.push(latency);
        }
        outcome.latencies.sort_unstable();
        outcome
    }

    /// As many as the collector takes: each of a few clients posts again once it is answered.
    pub async fn as_many_as_can(&self, duration: Duration) -> Outcome {
        let began = Instant::now();
        let one = async |_| {
            let mut answers = Vec::new();
            while began.elapsed() < duration {
                answers.push(self.post().await);
            }
            answers
        };
        let answers = join_all((0..16).map(one)).await.concat();
        self.sum(answers, began)
    }

    /// This many per second, without waiting for answers.
    pub async fn at(&self, posts_per_s: f64, duration: Duration) -> Outcome {
        let began = Instant::now();
        let posts = (posts_per_s * duration.as_secs_f64()) as u32;
        let one = async |number: u32| {
            sleep_until(began + Duration::from_secs_f64(f64::from(number) / posts_per_s)).await;
            self.post().await
        };
        let answers = join_all((0..posts).map(one)).await;
        self.sum(answers, began)
    }
}
