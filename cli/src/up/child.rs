//! One supervised child: start, watch, restart with backoff, end by SIGTERM.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// After this long alive a child counts as healthy and its backoff starts anew.
const HEALTHY: Duration = Duration::from_secs(30);
/// How long a child may drain before it is killed.
const DRAIN: Duration = Duration::from_secs(15);

/// What to run.
#[derive(Debug)]
pub(super) struct Child {
    /// Its name, such as `encoder-a`.
    pub(super) name: String,
    /// Arguments of the binary.
    pub(super) args: Vec<String>,
    /// A drill's delay before a restart, seconds.
    pub(super) hold_s: Option<u64>,
    /// What proves to its siblings that it is one of them.
    pub(super) service_key: String,
}

/// Keeps the child alive until `stop`.
pub(super) async fn supervise(child: Child, binary: PathBuf, stop: CancellationToken) {
    let mut backoff = FIRST_BACKOFF;
    while !stop.is_cancelled() {
        let started = Instant::now();
        match spawn(&child, &binary) {
            Ok(process) => {
                let ended = watch(&child, process, &stop).await;
                if stop.is_cancelled() {
                    return;
                }
                super::say(&format!("{} ended ({ended}); restarting", child.name));
            }
            Err(error) => super::say(&format!("cannot start {}: {error}", child.name)),
        }
        if started.elapsed() > HEALTHY {
            backoff = FIRST_BACKOFF;
        }
        let pause = child.hold_s.map_or(backoff, Duration::from_secs);
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

fn spawn(child: &Child, binary: &PathBuf) -> std::io::Result<tokio::process::Child> {
    Command::new(binary)
        // Not an argument: those are for everybody on the machine to see.
        .env("TALLYLIGHT_SERVICE_KEY", &child.service_key)
        .arg("--supervisor-pid")
        .arg(std::process::id().to_string())
        .args(["--child", &child.name])
        .args(&child.args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Its own process group: Ctrl-C reaches `up` alone, which drains in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Waits for the child's end and says how it came.
async fn watch(
    child: &Child,
    mut process: tokio::process::Child,
    stop: &CancellationToken,
) -> String {
    if let Some(stderr) = process.stderr.take() {
        tokio::spawn(forward(child.name.clone(), stderr));
    }
    tokio::select! {
        status = process.wait() => return describe(status),
        () = stop.cancelled() => {}
    }
    if let Some(pid) = process.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended just now; then there is nobody to tell.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    match timeout(DRAIN, process.wait()).await {
        Ok(status) => describe(status),
        Err(_) => {
            super::say(&format!("{} did not drain in {} s; killed", child.name, DRAIN.as_secs()));
            let _ = process.kill().await;
            "killed".to_owned()
        }
    }
}

fn describe(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Passes a child's log on, each line with its name.
#[allow(clippy::print_stderr, reason = "the children's logs go where `up`'s own would")]
async fn forward(name: String, stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{name:<9} | {line}");
    }
}
