//! Fault switches as a child of `up` receives them: lines of JSON on its stdin.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::settings::Global;

/// One line: a switch was turned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Switch {
    /// What breaks, such as `slow`.
    pub(crate) fault: String,
    /// Whether it is broken from now on. A momentary fault is only ever turned on.
    pub(crate) on: bool,
    /// How much, for faults that have an amount: milliseconds of `slow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<u64>,
}

/// Where a process gets its switches from: stdin under `up`, nowhere when it runs alone.
#[derive(Debug)]
pub(crate) struct Switches {
    from_stdin: bool,
}

impl Switches {
    pub(crate) fn of(global: &Global) -> Self {
        Self { from_stdin: global.child.is_some() }
    }

    /// Calls `turned` for each line, on its own thread, for as long as the process lives. It is a
    /// thread because a task that reads stdin would keep the process from ending.
    pub(crate) fn follow(self, turned: impl Fn(Switch) + Send + 'static) {
        if !self.from_stdin {
            return;
        }
        let read = move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                match serde_json::from_str(&line) {
                    Ok(switch) => turned(switch),
                    Err(error) => tracing::warn!(line, %error, "a fault line cannot be read"),
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("faults".into()).spawn(read) {
            tracing::error!(%error, "fault switches will do nothing");
        }
    }
}
