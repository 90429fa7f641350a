//! The whole path in one process: HTTP with 100 records a POST, durable log, sessions and
//! windows, Parquet. It is held against the sum of its steps, measured in the same run.

mod parquet;
mod whole;

use super::{Measured, append, archive, cpu, door, sample, window};

/// Records of the small size: ten of each session, a second of their own time. Three times as long is
/// about what the system takes for them; were it much longer, players would seem to come from ahead.
const RECORDS: usize = 10 * sample::SESSIONS;
/// Records in a POST.
const PER_POST: usize = 100;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    // The door's step decodes and appends as well; its floor does not append.
    let steps = [door::one(PER_POST)?, window::few()?, archive::one()?];
    let append = append::one(sample::ROWS)?;
    // One for all runs: memory belongs to threads, and those of another one would have none that was
    // used before. In a process that runs for minutes hardly any is new.
    let on = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bodies = sample::bodies(3 * RECORDS, PER_POST, sample::BEGAN_MS);
    let sent = |records| bodies[..records / PER_POST].to_vec();
    let step = cpu::slope(RECORDS, |records| whole::spent(&on, sent(records)))?;
    let sum = in_turn(steps.iter().map(|step| step.events_per_cpu_second));
    let floors = steps.iter().chain([&append]).map(|step| step.floor_events_per_cpu_second);
    let light = in_turn(floors);
    Ok(vec![
        Measured::new("path", step, light, "the floors of door, append, window, archive in turn"),
        Measured::new("path/of-its-steps", step, sum, "door, window and archive in turn"),
    ])
}

/// The rate of steps that come one after the other.
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
