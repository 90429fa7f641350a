//! What goes wrong, by lot: calls to the log that fail or lose their answer, writes of history
//! that fail, processes that die in the middle of either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_store::archive::{Faults, Step};
use tokio::task::AbortHandle;

use crate::trace::Trace;

/// A process of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A collector.
    Door(usize),
    /// The processor.
    Processor,
}

/// What becomes of a call to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Go,
    /// It fails, nothing is stored.
    Refuse,
    /// It works, and the answer is lost.
    Lose,
    /// Its caller dies before it.
    CrashBefore,
    /// Its caller dies after it, before it hears the answer.
    CrashAfter,
}

/// Decides by lot what fails, and when.
#[derive(Debug)]
pub struct Chaos(Mutex<State>);

#[derive(Debug)]
struct State {
    rng: StdRng,
    /// Calls to the log fail so many times more seldom than in a small run.
    rarer: u32,
    on: bool,
    /// Events before this offset are gone.
    given_up: u64,
    trace: Trace,
    /// Who lives, with the tasks that it consists of while nothing happens; without a handle
    /// while it starts.
    living: BTreeMap<Who, (Option<AbortHandle>, usize)>,
}

impl Chaos {
    /// Nothing goes wrong yet; then so many times more seldom than in a small run.
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on things go wrong, or not.
    pub fn switch(&self, on: bool) {
        self.state().on = on;
    }

    /// Notes what happened.
    pub fn note(&self, line: impl std::fmt::Display) {
        self.state().trace.line(line);
    }

    /// What happened.
    pub fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    /// The log gives up the events before `to`.
    pub fn give_up(&self, to: u64) {
        self.state().given_up = to;
    }

    /// Events before this offset are gone.
    pub fn given_up(&self) -> u64 {
        self.state().given_up
    }

    /// A lot between 0 and `below`.
    pub fn lot(&self, below: u32) -> u32 {
        self.state().rng.random_range(0..below)
    }

    /// A process starts; nothing goes wrong until it lives.
    pub fn starts(&self, who: Who) {
        self.state().living.insert(who, (None, 0));
    }

    /// A process was started, of so many tasks.
    pub fn lives(&self, who: Who, handle: AbortHandle, tasks: usize) {
        self.state().living.insert(who, (Some(handle), tasks));
    }

    /// Whether a process lives.
    pub fn is_alive(&self, who: Who) -> bool {
        self.state().living.contains_key(&who)
    }

    /// Ends a process where it stands.
    pub fn kill(&self, who: Who) {
        let mut state = self.state();
        if let Some((Some(handle), _)) = state.living.remove(&who) {
            handle.abort();
        }
    }

    /// Returns when only the processes themselves are left: nothing is being written.
    pub async fn calm(&self) {
        let metrics = tokio::runtime::Handle::current().metrics();
        for round in 0_u32.. {
            let expected = self.state().living.values().map(|(_, tasks)| tasks).sum::<usize>();
            if metrics.num_alive_tasks() <= expected {
                return;
            }
            patience(round).await;
        }
    }

    /// What becomes of a call.
    pub fn verdict(&self, who: Who, call: &str) -> Verdict {
        let mut state = self.state();
        let lives = matches!(state.living.get(&who), Some((Some(_), _)));
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
        state.trace.line(format_args!("{who:?} {call}: {verdict:?}"));
        verdict
    }
}

/// Lets others work: at first they are only let through, since a sleep takes a millisecond.
pub async fn patience(round: u32) {
    if round < 500 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

impl Faults for Chaos {
    fn pass(&self, step: Step) -> Result<(), String> {
        if !self.is_alive(Who::Processor) {
            return Err("whose process has died".to_owned());
        }
        if !self.state().on {
            return Ok(());
        }
        match self.lot(60) {
            0..4 => self.note(format_args!("archive {step:?}: fails")),
            4..6 => {
                self.note(format_args!("archive {step:?}: crash"));
                self.kill(Who::Processor);
            }
            _ => return Ok(()),
        }
        Err(format!("as the seed wants it, at {step:?}"))
    }
}
