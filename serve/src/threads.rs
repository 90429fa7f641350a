//! Threads of a service for work that must take no time from who waits for an answer.

use std::sync::Once;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::Builder;

/// Nice 5, as the crate counts.
const NICE_5: u8 = 34;

/// What threads get of the processors while others want them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Hardly any: they have time.
    Lowest,
    /// About a quarter of a core (nice 5).
    Low,
}

impl Priority {
    /// Gives it to the thread that calls this; false where the system does not let us.
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

/// A runtime to be, whose threads have this name and priority.
pub fn threads(name: &'static str, priority: Priority) -> Builder {
    let (mut builder, told) = (Builder::new_multi_thread(), Once::new());
    builder.thread_name(name).enable_all().on_thread_start(move || {
        // Where the system does not let us, all is done all the same.
        if !priority.take() {
            told.call_once(|| tracing::warn!(name, "threads keep the priority of the others"));
        }
    });
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_the_priority_that_they_were_given() {
        // The nineteenth field of a thread's state is how nice it is, counted after its name, which
        // may have blanks.
        let nice = || -> Option<i32> {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse().ok()
        };
        let own = nice().expect("Linux");
        for (priority, least) in [(Priority::Lowest, 19), (Priority::Low, 5)] {
            let runtime = threads("test", priority).worker_threads(1).build().expect("a runtime");
            let there = runtime.block_on(async { tokio::spawn(async move { nice() }).await });
            // Only root goes back from a lower one.
            let there = there.expect("an end").expect("Linux");
            assert!(there == least || there == own.max(least), "{priority:?} is {there}");
        }
    }
}
