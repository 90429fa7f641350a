//! The paper line: the cores that the measured steps would need at the largest rate of events ever
//! published. It is arithmetic, not a measurement.

use serde::{Deserialize, Serialize};

use super::Measured;
use super::door;

/// Netflix at its largest live events, by its own account: events per second.
const RATE: f64 = 38e6;
/// The load that the cores may have.
const LOAD: f64 = 0.6;

/// Cores at one number of events per POST.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The variant of the collector.
    door: String,
    /// Cores of the collector (HTTP, decoding, the durable log).
    door_cores: f64,
    /// Cores of sessions, windows and history.
    processor_cores: f64,
}

/// A line for each of `doors`, if window and archive are among the steps.
pub(crate) fn lines(steps: &[Measured], doors: &[door::Line]) -> Vec<Line> {
    let find = |name: &str| steps.iter().find(|step| step.name == name);
    let (Some(window), Some(archive)) = (find("window"), find("archive")) else {
        return Vec::new();
    };
    let cores = |step: &Measured| RATE / step.events_per_cpu_second / LOAD;
    let one = |door: &door::Line| Line {
        door: format!("{}, {} a POST", door.door, door.per_post),
        door_cores: RATE * door.ns_per_event / 1e9 / LOAD,
        processor_cores: cores(window) + cores(archive),
    };
    doors.iter().map(one).collect()
}

/// Prints the lines.
#[allow(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print(lines: &[Line]) {
    if !lines.is_empty() {
        println!("cores for {} million events/s at {} % load", RATE / 1e6, LOAD * 100.0);
    }
    for line in lines {
        println!(
            "{:<36} {:>6.0} = door {:.0} + sessions, windows and history {:.0}",
            line.door,
            line.door_cores + line.processor_cores,
            line.door_cores,
            line.processor_cores
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_the_rate_by_the_sum_of_the_steps_at_their_load() {
        let step = |name, rate| Measured::new(name, rate, 1.0, "");
        let mut steps = vec![step("window", 1e6), step("archive", 2e6)];
        let doors = [door::Line::new(&door::Case::plain(), 5, (5e-6, 1e-6), 1e-6)];
        let lines = lines(&steps, &doors);
        let cores = lines[0].door_cores + lines[0].processor_cores;
        assert!((cores - 38.0 * 2.5 / 0.6).abs() < 1e-9, "{cores}");
        steps.remove(0);
        assert!(super::lines(&steps, &doors).is_empty());
    }
}
