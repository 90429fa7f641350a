//! Memory per live session, the time to write the state into a snapshot and to restore it, and the
//! time SQL takes to count all sessions by two dimensions. Each size is measured in its own
//! process, since used memory is not returned to the system.

mod question;
mod trace;

use std::process::Command;

use anyhow::{Context, anyhow, ensure};
use serde::{Deserialize, Serialize};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::archive::{Rest, State, Written};
use tallylight_stream_processor::pure::settle::Settle;
use tallylight_stream_processor::read::Partitions;

use super::{cpu, resident, sample};

/// The figures of a state with this many live sessions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Live sessions.
    sessions: usize,
    /// Growth of the process's resident memory per session.
    bytes_per_session: f64,
    /// Bytes of a snapshot per session.
    snapshot_bytes_per_session: f64,
    /// CPU time to make the snapshot's bytes, without writing them.
    snapshot_s: f64,
    /// CPU time to restore the state from them.
    restore_s: f64,
    /// Time SQL takes to count them by country and device, the median of several runs.
    question_s: f64,
    /// Records processed per CPU-second, including the generation of the trace.
    records_per_cpu_second: f64,
}

/// The live audience for which memory is projected, from the figures of the largest size measured.
const PROJECTED: f64 = 65e6;

/// Measures each size. `child` means that this process was started to measure one size.
pub(crate) fn run(sizes: &[usize], child: bool) -> anyhow::Result<Vec<Held>> {
    match sizes {
        [one] if child => Ok(vec![measure(*one)?]),
        _ => sizes.iter().map(|size| in_child(*size)).collect(),
    }
}

fn in_child(size: usize) -> anyhow::Result<Held> {
    let size = size.to_string();
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["bench", "sessions", "--format", "json", "--in-child", "--sessions", &size]);
    let done = child.output()?;
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{size} sessions: {}: {words}", done.status);
    let mut held: super::Report = serde_json::from_slice(&done.stdout)?;
    held.sessions.pop().context("the process that measured said nothing")
}

/// Fills a state with `sessions` live sessions and measures it.
pub(crate) fn measure(sessions: usize) -> anyhow::Result<Held> {
    let limits = Limits { sessions, ..Limits::default() };
    let mut state = Partitions::new(sample::PARTITIONS, &limits);
    let before = resident("self")?;
    let mut records = 0;
    let spent = cpu::spent(|| {
        records = trace::feed(&mut state, sessions)?;
        Ok(())
    })?;
    let grown = resident("self")?.saturating_sub(before);
    let open = |state: &Partitions| -> usize {
        state.states().iter().map(|state| state.open_sessions()).sum()
    };
    ensure!(open(&state) == sessions, "{} of {sessions} sessions are open", open(&state));

    let (mut written, mut again) = (Written::default(), None);
    // The first snapshot has no memory to reuse.
    let rest = write(&mut written, &mut state)?;
    let bytes = written.pieces(&rest)?.concat();
    let snapshot_s = cpu::spent(|| {
        let rest = write(&mut written, &mut state)?;
        written.pieces(&rest)?;
        Ok(())
    })?;
    // Of the largest size both copies and the state would not fit into memory.
    drop(written);
    let question_s = question::ask(state, sessions)?;
    let restore_s = cpu::spent(|| {
        again = Some(State::read(&bytes).map_err(|why| anyhow!(why))?);
        Ok(())
    })?;
    let again = again.as_ref().map_or(0, |state| open(&state.partitions));
    ensure!(again == sessions, "{again} of {sessions} sessions came back from the snapshot");
    Ok(Held {
        sessions,
        bytes_per_session: grown as f64 / sessions as f64,
        snapshot_bytes_per_session: bytes.len() as f64 / sessions as f64,
        snapshot_s,
        restore_s,
        question_s,
        records_per_cpu_second: records as f64 / spent,
    })
}

fn write(written: &mut Written, state: &mut Partitions) -> anyhow::Result<Rest> {
    written.begin();
    written.go_on(state, 0, usize::MAX)?;
    Ok(written.end(state, &Settle::default(), &[])?)
}

/// Prints the figures as a table, and a projection for a very large audience.
#[allow(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print(all: &[Held]) {
    println!(
        "{:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "sessions", "B each", "snapshot B", "snapshot s", "restore s", "SQL s", "M rec/cpu-s"
    );
    for held in all {
        println!(
            "{:>10} {:>10.0} {:>10.0} {:>10.2} {:>10.2} {:>10.3} {:>10.3}",
            held.sessions,
            held.bytes_per_session,
            held.snapshot_bytes_per_session,
            held.snapshot_s,
            held.restore_s,
            held.question_s,
            held.records_per_cpu_second / 1e6,
        );
    }
    if let Some(largest) = all.last() {
        let of = |bytes: f64| bytes * PROJECTED / f64::from(1 << 30);
        println!(
            "65 million sessions would take {:.1} GiB, and a snapshot of them {:.1} GiB",
            of(largest.bytes_per_session),
            of(largest.snapshot_bytes_per_session),
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_session_of_the_trace_is_open_before_and_after_a_snapshot() {
        let held = super::measure(2_000).expect("2,000 sessions");
        assert_eq!(held.sessions, 2_000);
        assert!(held.snapshot_bytes_per_session > 50.0, "{held:?}");
    }
}
