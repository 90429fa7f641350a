//! How our processes end: on a signal they drain; with their parent they die at once.

use anyhow::{Context, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A child of `up` must not outlive it, even when `up` is killed with -9.
pub(crate) fn die_with_parent(supervisor_pid: Option<i32>) -> anyhow::Result<()> {
    let Some(expected) = supervisor_pid else { return Ok(()) };
    prctl::set_pdeathsig(Some(Signal::SIGKILL)).context("cannot ask for a parent-death signal")?;
    // The parent may have died before the call above.
    if getppid().as_raw() != expected {
        bail!("the supervisor {expected} is gone");
    }
    Ok(())
}

/// A token that is cancelled by SIGTERM, SIGINT or SIGHUP (the terminal went away). A second
/// signal ends the process at once, without waiting for the drain.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => {}
            }
        };
        signalled().await;
        cancel.cancel();
        signalled().await;
        std::process::exit(130);
    });
    Ok(token)
}
