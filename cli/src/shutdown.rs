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

/// A token that is cancelled by SIGTERM, SIGINT or SIGHUP (the terminal went away). Afterwards a
/// SIGTERM or SIGINT ends the process at once, without waiting for the drain; a SIGHUP does not, as
/// the shell and the kernel each send one. A SIGHUP that is ignored stays ignored.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hang_up = (!ignores_hang_up()).then(|| signal(SignalKind::hangup())).transpose()?;
    let cancel = token.clone();
    tokio::spawn(async move {
        let hung_up = async move {
            match hang_up {
                Some(mut hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hung_up => {}
        }
        cancel.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(token)
}

/// Whether this process was started with SIGHUP ignored, as `nohup` does, so that it outlives its
/// terminal.
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hang_up_ignored(&status))
}

/// Whether a process with this status ignores SIGHUP, which is the lowest bit of the mask.
fn is_hang_up_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::is_hang_up_ignored;

    #[test]
    fn the_status_of_a_process_says_whether_it_ignores_a_hang_up() {
        for (mask, ignored) in [
            ("0000000000000001", true),
            ("0000000000001001", true),
            ("0000000000001000", false),
            ("0000000000000000", false),
            ("", false),
        ] {
            let status = format!("Name:\tup\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
            assert_eq!(is_hang_up_ignored(&status), ignored, "{mask}");
        }
    }
}
