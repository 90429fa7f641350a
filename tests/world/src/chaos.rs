//! Random faults: calls to the log that fail or lose their answer, writes of history that fail, and
//! processes that die in the middle of either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_store::history::{Faults, Step};
use tokio::task::AbortHandle;

use crate::trace::Trace;

/// A process of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A collector.
    Collector(usize),
    /// The processor.
    Processor,
}

/// The fate of a call to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Go,
    /// It fails, and nothing is stored.
    Refuse,
    /// It works, and the answer is lost.
    Lose,
    /// Its caller dies before it.
    CrashBefore,
    /// Its caller dies after it, before it gets the answer.
    CrashAfter,
}

/// Decides at random what fails, and when.
#[derive(Debug)]
pub struct Chaos(Mutex<State>);

#[derive(Debug)]
struct State {
    rng: StdRng,
    /// How many times rarer calls to the log fail than in a small run.
    rarer: u32,
    on: bool,
    /// Events before this offset have been dropped.
    given_up: u64,
    trace: Trace,
    /// The running processes, with the number of tasks that each has while idle; without a handle
    /// while a process starts.
    living: BTreeMap<Process, (Option<AbortHandle>, usize)>,
}

impl Chaos {
    /// Without faults at first; later they are `rarer` times rarer than in a small run.
    pub fn new(seed: u64, rarer: u32) -> Arc<Self> {
        let (rng, trace) = (StdRng::seed_from_u64(seed), Trace::default());
        Arc::new(Self(Mutex::new(State {
            rng,
            rarer,
            on: false,
            given_up: 0,
            trace,
            living: BTreeMap::new(),
        })))
    }

    /// Switches faults on or off.
    pub fn switch(&self, on: bool) {
        self.0.lock().on = on;
    }

    /// Adds a line to the trace.
    pub fn note(&self, line: impl std::fmt::Display) {
        self.0.lock().trace.line(line);
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        self.0.lock().trace.clone()
    }

    /// The log drops the events before `to`.
    pub fn give_up(&self, to: u64) {
        self.0.lock().given_up = to;
    }

    /// Events before this offset have been dropped.
    pub fn given_up(&self) -> u64 {
        self.0.lock().given_up
    }

    /// A random number from 0 to below `below`.
    pub fn draw(&self, below: u32) -> u32 {
        self.0.lock().rng.random_range(0..below)
    }

    /// A process starts; it has no faults until it runs.
    pub fn starts(&self, process: Process) {
        self.0.lock().living.insert(process, (None, 0));
    }

    /// A process has started, with this many tasks.
    pub fn lives(&self, process: Process, handle: AbortHandle, tasks: usize) {
        self.0.lock().living.insert(process, (Some(handle), tasks));
    }

    /// Whether a process runs or starts.
    pub fn is_alive(&self, process: Process) -> bool {
        self.0.lock().living.contains_key(&process)
    }

    /// Kills a process at once.
    pub fn kill(&self, process: Process) {
        let mut state = self.0.lock();
        if let Some((Some(handle), _)) = state.living.remove(&process) {
            handle.abort();
        }
    }

    /// Returns when only the tasks of idle processes are left: nothing is being written.
    pub async fn calm(&self) {
        let metrics = tokio::runtime::Handle::current().metrics();
        for round in 0_u32.. {
            let expected = self.0.lock().living.values().map(|(_, tasks)| tasks).sum::<usize>();
            if metrics.num_alive_tasks() <= expected {
                return;
            }
            patience(round).await;
        }
    }

    /// The fate of a call.
    pub fn verdict(&self, process: Process, call: &str) -> Verdict {
        let mut state = self.0.lock();
        let lives = matches!(state.living.get(&process), Some((Some(_), _)));
        if !state.on || !lives {
            return Verdict::Go;
        }
        let calls = 400 * state.rarer;
        let verdict = match state.rng.random_range(0..calls) {
            0..6 => Verdict::Refuse,
            6..10 => Verdict::Lose,
            10..12 => Verdict::CrashBefore,
            12..14 => Verdict::CrashAfter,
            _ => return Verdict::Go,
        };
        state.trace.line(format_args!("{process:?} {call}: {verdict:?}"));
        verdict
    }
}

/// Lets other tasks work. At first it only yields, since a sleep takes at least a millisecond.
pub async fn patience(round: u32) {
    if round < 500 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

impl Faults for Chaos {
    fn pass(&self, step: Step) -> Result<(), String> {
        if !self.is_alive(Process::Processor) {
            return Err("its process has died".to_owned());
        }
        if !self.0.lock().on {
            return Ok(());
        }
        match self.draw(60) {
            0..4 => self.note(format_args!("archive {step:?}: fails")),
            4..6 => {
                self.note(format_args!("archive {step:?}: crash"));
                self.kill(Process::Processor);
            }
            _ => return Ok(()),
        }
        Err(format!("as the seed wants it, at {step:?}"))
    }
}
