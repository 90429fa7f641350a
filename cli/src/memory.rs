//! Memory that was freed stays with the process for a while. A checkpoint frees some hundred MiB every
//! few seconds, which the next one needs again: where they go back to the system in between, whoever
//! allocates next may be held up for most of a second (docs/performance-log.md).

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

/// How long the allocator keeps what was freed, ms. It looks at its environment when it is first used,
/// which is before any line of ours, and to call it later is unsafe code.
const KEPT_MS: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10000");

/// Goes on as the same process with such an environment, unless it says something already.
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
    // What follows is only reached when that failed, and signals are not as they were then.
    let error = again.args(arguments).env(name, value).exec();
    Err(error)
        .with_context(|| format!("{} cannot be started anew with {name}={value}", own.display()))
}
