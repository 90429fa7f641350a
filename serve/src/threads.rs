//! Low-priority threads for work that must not delay answers.

use std::sync::Once;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::Builder;

/// Nice 5 as a value of the crate `thread_priority`.
const NICE_5: u8 = 34;

/// The share of the processors that threads get under contention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Hardly any, for work that can wait.
    Lowest,
    /// About a quarter of a core (nice 5).
    Low,
}

impl Priority {
    /// Applies it to the calling thread; `false` if the system does not allow it.
    fn take(self) -> bool {
        let priority = match self {
            Self::Lowest => Some(ThreadPriority::Min),
            Self::Low => {
                ThreadPriorityValue::try_from(NICE_5).ok().map(ThreadPriority::Crossplatform)
            }
        };
        priority.is_some_and(|priority| set_current_thread_priority(priority).is_ok())
    }
}

/// A builder of a runtime whose threads have this name and priority.
pub fn threads(name: &'static str, priority: Priority) -> Builder {
    let (mut builder, warned) = (Builder::new_multi_thread(), Once::new());
    builder.thread_name(name).enable_all().on_thread_start(move || {
        // If the system does not allow it, the work is done at normal priority.
        if !priority.take() {
            warned.call_once(|| tracing::warn!(name, "threads run at normal priority"));
        }
    });
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_the_priority_that_they_were_given() {
        // The 19th field of `stat` is the nice value. Fields are counted after the thread's name,
        // which may contain spaces.
        let nice = || -> Option<i32> {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse().ok()
        };
        let own = nice().expect("Linux");
        for (priority, least) in [(Priority::Lowest, 19), (Priority::Low, 5)] {
            let runtime = threads("test", priority).worker_threads(1).build().expect("a runtime");
            let there = runtime.block_on(async { tokio::spawn(async move { nice() }).await });
            // Only root may raise the priority again.
            let there = there.expect("an end").expect("Linux");
            assert!(there == least || there == own.max(least), "{priority:?} is {there}");
        }
    }
}
