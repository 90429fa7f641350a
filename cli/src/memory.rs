//! How the binary's allocator is set. It takes its settings from the environment before `main`, so
//! a process that has none starts itself once more, in its own place.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// How long freed memory is kept before it is given back to the system, ms.
const DELAY: &str = "MIMALLOC_PURGE_DELAY";
/// Records' memory is free again with the next checkpoint, seconds later; what was given back by
/// then has to be zeroed by the system before it can be used again (docs/performance.md).
const DELAY_MS: &str = "10000";

/// Keeps freed memory for a while, unless the environment says something else.
pub(crate) fn keep_freed() {
    if std::env::var_os(DELAY).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let (name, binary) = (arguments.next(), std::env::current_exe());
    if let (Some(name), Ok(binary)) = (name, binary) {
        // It comes back only when it failed; then memory is zeroed more often.
        let _ = Command::new(binary).arg0(name).args(arguments).env(DELAY, DELAY_MS).exec();
    }
}
