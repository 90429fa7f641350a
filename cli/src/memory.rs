//! Keeps freed memory in the process for a while. A checkpoint frees some hundred MiB every few
//! seconds, which the next one needs again: if they return to the system in between, the next
//! allocation may block for most of a second (docs/performance-log.md).

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

/// How long the allocator keeps freed memory, ms. It reads its environment at its first use, before
/// any of our code runs, and changing the option later would need unsafe code.
const KEPT_MS: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10000");

/// Re-executes this process with that variable, unless it is already set.
pub(crate) fn keep() -> anyhow::Result<()> {
    let (name, value) = KEPT_MS;
    if std::env::var_os(name).is_some() {
        return Ok(());
    }
    let own = std::env::current_exe().context("where this program is")?;
    let mut arguments = std::env::args_os();
    let mut again = Command::new(&own);
    if let Some(called) = arguments.next() {
        again.arg0(called);
    }
    // The code below is reached only if `exec` fails, and by then signals are no longer as they
    // were.
    let error = again.args(arguments).env(name, value).exec();
    Err(error)
        .with_context(|| format!("{} cannot be started again with {name}={value}", own.display()))
}
