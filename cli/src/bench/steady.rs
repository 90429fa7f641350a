//! A whole `up` without the demo at 70 % of its capacity: how old its figures are, whether its
//! memory grows, and how long SQL takes meanwhile. The sender runs on the same machine.

mod crowd;
mod late;
mod whole;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use serde::{Deserialize, Serialize};

use crowd::Sent;
use late::{Late, Look};
use whole::Whole;

/// How long, and at which rate.
#[derive(Debug, Args)]
pub(crate) struct SteadyArgs {
    /// Seconds for which `steady` keeps its rate; the published figures are for ten minutes.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The part of its capacity that `steady` sends.
    #[arg(long, default_value_t = 0.7)]
    load: f64,
    /// Seconds for which `steady` sends as fast as records are taken, to measure the capacity. A
    /// minute contains two checkpoints and two snapshots, which lower it.
    #[arg(long, default_value_t = 60)]
    ramp: u64,
    /// Records per second that `steady` sends whatever the capacity, to compare two builds.
    #[arg(long)]
    per_s: Option<f64>,
}

/// Figures up to this age are fresh, ms; the aim for their 99th percentile.
const FRESH_MS: u64 = 1_500;
/// How long figures may take to become fresh again after an overload.
const CAUGHT_UP: Duration = Duration::from_secs(300);
/// Interval between two looks at the figures.
const EVERY: Duration = Duration::from_millis(100);
/// Pause between an answer of SQL and the next query.
const QUESTION_EVERY: Duration = Duration::from_secs(2);
/// The aim for SQL over all open sessions, ms.
const ANSWERED_MS: u64 = 100;

/// The result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Capacity in records per second: sent as fast as they were taken, until figures were fresh
    /// again. With `--per-s` the given rate.
    capacity_per_s: f64,
    /// Records per second that were sent.
    sent_per_s: f64,
    /// Records that were shed meanwhile.
    shed: u64,
    /// Records in requests that were refused as a whole.
    refused: u64,
    /// Duration.
    seconds: f64,
    /// Age of the figures, ms: median, 99th percentile, maximum.
    freshness_ms: [u64; 3],
    /// Time SQL takes to count the open sessions by two dimensions, ms: median, 99th percentile,
    /// maximum.
    question_ms: [u64; 3],
    /// The errors that SQL gave instead of answers.
    unanswered: Vec<String>,
    /// Resident memory of the data process, MiB: at half of the time and at the end.
    memory_mib: [u64; 2],
    /// The part of the time that the processor spent on each of its activities, %.
    spent_percent: BTreeMap<String, f64>,
    /// The worst times at which figures were late.
    late: Vec<Late>,
}

pub(crate) async fn run(args: &SteadyArgs) -> anyhow::Result<Kept> {
    let above = args.load > 0.0 && args.per_s.is_none_or(|per_s| per_s > 0.0);
    ensure!(above && args.seconds > 0 && args.ramp > 0, "load, rate and times are above 0");
    let whole = Whole::start().await?;
    let began = Instant::now();
    let ramp = Duration::from_secs(args.ramp);
    let most = crowd::send(whole.collector(), args.per_s.unwrap_or(f64::INFINITY), ramp, 0).await?;
    whole.until_fresh(FRESH_MS, CAUGHT_UP).await?;
    let capacity = most.records as f64 / began.elapsed().as_secs_f64();

    let lasting = Duration::from_secs(args.seconds);
    let per_s = args.per_s.unwrap_or(capacity * args.load);
    let sending = crowd::send(whole.collector(), per_s, lasting, most.next);
    let (sent, seen) = {
        let sending = tokio::spawn(sending);
        tokio::try_join!(async { sending.await? }, watch(&whole, lasting))?
    };
    Ok(Kept::new(capacity, &sent, seen))
}

/// What was observed while records were sent.
struct Seen {
    /// Looks at the figures, from the first moment to the last.
    looks: Vec<Look>,
    /// Response times of SQL, ms, or why there was no answer.
    questions: Vec<Result<u64, String>>,
    /// Bytes at half of the time and at the end.
    memory: [u64; 2],
}

/// Looks at the figures and runs SQL concurrently: while an answer is late, figures may be late
/// too.
async fn watch(whole: &Whole, lasting: Duration) -> anyhow::Result<Seen> {
    let (looked, questions) = tokio::try_join!(look(whole, lasting), ask(whole, lasting))?;
    let (looks, memory) = looked;
    Ok(Seen { looks, questions, memory })
}

/// The looks, and the memory at half of the time and at the end.
async fn look(whole: &Whole, lasting: Duration) -> anyhow::Result<(Vec<Look>, [u64; 2])> {
    let (began, mut looks, mut half) = (Instant::now(), Vec::new(), None);
    while began.elapsed() < lasting {
        looks.push(whole.look(began.elapsed()).await?);
        if half.is_none() && began.elapsed() > lasting / 2 {
            half = Some(whole.resident()?);
        }
        tokio::time::sleep(EVERY).await;
    }
    looks.push(whole.look(began.elapsed()).await?);
    let end = whole.resident()?;
    Ok((looks, [half.unwrap_or(end), end]))
}

/// Response times of SQL, ms, or why there was no answer.
async fn ask(whole: &Whole, lasting: Duration) -> anyhow::Result<Vec<Result<u64, String>>> {
    let (began, mut questions) = (Instant::now(), Vec::new());
    loop {
        tokio::time::sleep(QUESTION_EVERY).await;
        if began.elapsed() >= lasting {
            return Ok(questions);
        }
        questions.push(whole.question_ms().await?);
    }
}

/// Median, 99th percentile and maximum.
fn spread(mut times: Vec<u64>) -> [u64; 3] {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).or(times.last()).copied();
    [50, 99, 100].map(|part| at(part).unwrap_or(0))
}

impl Kept {
    fn new(capacity: f64, sent: &Sent, seen: Seen) -> Self {
        let (answered, unanswered): (Vec<_>, Vec<_>) =
            seen.questions.into_iter().partition(Result::is_ok);
        let ends = seen.looks.first().zip(seen.looks.last());
        Self {
            capacity_per_s: capacity,
            sent_per_s: sent.records as f64 / sent.took.as_secs_f64(),
            shed: sent.shed,
            refused: sent.refused,
            seconds: sent.took.as_secs_f64(),
            freshness_ms: spread(seen.looks.iter().map(|look| look.age_ms).collect()),
            question_ms: spread(answered.into_iter().flatten().collect()),
            unanswered: unanswered.into_iter().filter_map(Result::err).collect(),
            memory_mib: seen.memory.map(|bytes| bytes >> 20),
            spent_percent: ends
                .map(|(first, last)| late::spent_percent(first, last))
                .unwrap_or_default(),
            late: late::worst(&seen.looks),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print(kept: &Kept) {
    let [median, p99, most] = kept.freshness_ms;
    let [question, question_p99, question_most] = kept.question_ms;
    let [half, end] = kept.memory_mib;
    println!(
        "steady: {:.0} of {:.0} records/s for {:.0} s, {} shed, {} refused; figures {median} ms old, p99 {p99} \
         (aim: {FRESH_MS}), most {most}; SQL about open sessions {question} ms (aim: {ANSWERED_MS}), \
         p99 {question_p99}, most {question_most}, {} without an answer; {half} MiB after half of \
         the time, {end} at the end",
        kept.sent_per_s,
        kept.capacity_per_s,
        kept.seconds,
        kept.shed,
        kept.refused,
        kept.unanswered.len()
    );
    println!("steady: the processor's time: {}", parts(&kept.spent_percent));
    for late in &kept.late {
        println!(
            "steady: late for {:.1} s at {:.0} s, most {} ms: {}",
            late.seconds,
            late.at_s,
            late.most_ms,
            parts(&late.spent_percent)
        );
    }
    if let Some(first) = kept.unanswered.first() {
        println!("steady: SQL said {first}");
    }
}

fn parts(spent: &BTreeMap<String, f64>) -> String {
    let spent: Vec<_> = spent.iter().map(|(doing, part)| format!("{doing} {part:.1} %")).collect();
    spent.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_ages() {
        let sent =
            Sent { records: 700, shed: 3, refused: 2, next: 700, took: Duration::from_secs(7) };
        let questions = vec![Ok(7), Err("busy".to_owned()), Ok(30), Ok(9)];
        let look = |n: u64| Look {
            at: Duration::from_secs(200 - n),
            age_ms: n,
            spent: [("events".to_owned(), (200 - n) as f64 / 2.0)].into(),
        };
        let looks = (1..=200).rev().map(look).collect();
        let kept = Kept::new(200.0, &sent, Seen { looks, questions, memory: [5 << 20, 6 << 20] });
        assert_eq!(kept.unanswered, ["busy"]);
        assert_eq!((kept.freshness_ms, kept.question_ms), ([101, 199, 200], [9, 30, 30]));
        assert_eq!((kept.memory_mib, kept.shed, kept.refused), ([5, 6], 3, 2));
        assert!((kept.sent_per_s - 100.0).abs() < 1e-9);
        assert!((kept.spent_percent["events"] - 50.0).abs() < 1e-9);
    }
}
