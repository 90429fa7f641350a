//! The whole path in one process: HTTP with 100 records per POST, durable log, sessions and
//! windows, Parquet. It is compared with the sum of its steps, measured in the same run.

mod parquet;
mod whole;

use super::{Measured, append, archive, cpu, door, sample, window};

/// Records of the small size: ten of each session, a second of event time. The system takes about
/// three times as long for them; if it took much longer, players' clocks would appear to be ahead.
const RECORDS: usize = 10 * sample::SESSIONS;
/// Records in a POST.
const PER_POST: usize = 100;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    // The collector's step also decodes and appends; its floor does not append.
    let steps = [door::one(PER_POST)?, window::few()?, archive::one()?];
    let append = append::one(sample::ROWS)?;
    // One runtime for all runs: freed memory belongs to threads, and the threads of a new runtime
    // would have none to reuse. A process that runs for minutes allocates hardly any new memory.
    let on = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bodies = sample::bodies(3 * RECORDS, PER_POST, sample::BEGAN_MS);
    let sent = |records| bodies[..records / PER_POST].to_vec();
    let step = cpu::slope(RECORDS, |records| whole::spent(&on, sent(records)))?;
    let sum = in_turn(steps.iter().map(|step| step.events_per_cpu_second));
    let floors = steps.iter().chain([&append]).map(|step| step.floor_events_per_cpu_second);
    let floor = in_turn(floors);
    Ok(vec![
        Measured::new("path", step, floor, "the floors of door, append, window, archive in turn"),
        Measured::new("path/of-its-steps", step, sum, "door, window and archive in turn"),
    ])
}

/// The rate of steps that run one after the other.
fn in_turn(rates: impl Iterator<Item = f64>) -> f64 {
    1.0 / rates.map(|rate| 1.0 / rate).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn times_add_up_not_rates() {
        assert!((in_turn([2.0, 2.0].into_iter()) - 1.0).abs() < 1e-9);
        assert!((in_turn([1.0, 0.5, 0.5].into_iter()) - 0.2).abs() < 1e-9);
    }
}
