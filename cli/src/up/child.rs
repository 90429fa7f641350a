//! One supervised child: start, watch, restart with backoff, end by SIGTERM.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::faults::Orders;
use crate::lines;

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// A child that lives this long counts as healthy, and its backoff is reset.
const HEALTHY: Duration = Duration::from_secs(30);
/// How long a child may drain before it is killed, for all that no setting limits: open answers and
/// feeds (10 s in the dashboard), last reports, closing the log.
pub(super) const DRAIN: Duration = Duration::from_secs(15);

/// How long a child may take to read a line.
const TELL: Duration = Duration::from_secs(1);

/// A child to run.
#[derive(Debug)]
pub(super) struct Child {
    /// Its name, such as `encoder-a`.
    pub(super) name: String,
    /// Arguments of the binary.
    pub(super) args: Vec<OsString>,
    /// The key by which its siblings recognise it.
    pub(super) service_key: String,
    /// How long it may drain before it is killed.
    pub(super) drain: Duration,
}

/// Keeps the child running until `end`, except while its orders hold it down. `stop` is of all
/// children and comes first: after it nothing is started again.
pub(super) async fn supervise(
    child: Child,
    binary: PathBuf,
    mut orders: watch::Receiver<Orders>,
    stop: CancellationToken,
    end: CancellationToken,
) {
    let mut backoff = FIRST_BACKOFF;
    while !stop.is_cancelled() {
        let started = Instant::now();
        match spawn(&child, &binary) {
            Ok(process) => {
                let ended = watch(&child, process, &mut orders, &end).await;
                if stop.is_cancelled() {
                    if !end.is_cancelled() {
                        super::say(&format!("{} ended before its turn ({ended})", child.name));
                    }
                    return;
                }
                let next = if orders.borrow().held { "" } else { "; restarting" };
                super::say(&format!("{} ended ({ended}){next}", child.name));
            }
            Err(error) => super::say(&format!("cannot start {}: {error}", child.name)),
        }
        if orders.borrow().held {
            super::say(&format!("{} is held down by its fault switch", child.name));
            tokio::select! {
                _ = orders.wait_for(|orders| !orders.held) => {}
                () = stop.cancelled() => return,
            }
            backoff = FIRST_BACKOFF;
            continue;
        }
        if started.elapsed() > HEALTHY {
            backoff = FIRST_BACKOFF;
        }
        tokio::select! {
            () = sleep(backoff) => {}
            () = stop.cancelled() => {}
        }
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

fn spawn(child: &Child, binary: &PathBuf) -> std::io::Result<tokio::process::Child> {
    Command::new(binary)
        // Not an argument: everybody on the machine can read arguments.
        .env("TALLYLIGHT_SERVICE_KEY", quoted(&child.service_key))
        .arg("--supervisor-pid")
        .arg(std::process::id().to_string())
        .args(["--child", &child.name])
        .args(&child.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Its own process group: Ctrl-C reaches only `up`, which drains in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// A text in quotes: an environment variable of digits would be parsed as a number.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Waits for the child's end, asks it to end at `end`, meanwhile passes its orders on, and returns
/// how it ended.
async fn watch(
    child: &Child,
    mut process: tokio::process::Child,
    orders: &mut watch::Receiver<Orders>,
    end: &CancellationToken,
) -> String {
    if let Some(stderr) = process.stderr.take() {
        tokio::spawn(forward(child.name.clone(), stderr));
    }
    let stdin = process.stdin.take();
    // Momentary faults from before its start are over; it has not been told yet which faults are
    // on.
    let sent = Orders { moments: orders.borrow().moments.clone(), ..Orders::default() };
    tokio::select! {
        status = process.wait() => return describe(status),
        () = pass_on(stdin, sent, orders) => {
            let _ = process.kill().await;
            return "killed by its fault switch".to_owned();
        }
        () = end.cancelled() => {}
    }
    if let Some(pid) = process.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have just ended; then the signal fails.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    match timeout(child.drain, process.wait()).await {
        Ok(status) => describe(status),
        Err(_) => {
            let waited_s = child.drain.as_secs();
            super::say(&format!("{} did not drain in {waited_s} s; killed", child.name));
            let _ = process.kill().await;
            "killed".to_owned()
        }
    }
}

/// Sends the child its fault switches as they change; returns when it is to be held down.
async fn pass_on(
    mut stdin: Option<ChildStdin>,
    mut sent: Orders,
    orders: &mut watch::Receiver<Orders>,
) {
    loop {
        let wanted = orders.borrow_and_update().clone();
        if wanted.held {
            return;
        }
        for switch in wanted.since(&sent) {
            let mut line = serde_json::to_vec(&switch).unwrap_or_default();
            line.push(b'\n');
            if let Some(stdin) = &mut stdin {
                // A child that does not read has ended, or soon will; after its restart it is sent
                // all.
                let _ = timeout(TELL, stdin.write_all(&line)).await;
            }
        }
        sent = wanted;
        if orders.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn describe(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Forwards a child's log to where `up`'s own goes, each line prefixed with its name. It reads on
/// even when nobody can read that: a child must not find its stderr closed.
async fn forward(name: String, stderr: ChildStderr) {
    // Libraries also write to it, not always in UTF-8.
    let mut log = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = log.next_segment().await {
        lines::to_stderr(&format!("{name:<9} | {}", String::from_utf8_lossy(&line)));
    }
}

#[cfg(test)]
mod tests {
    use figment::value::Value;

    use super::*;

    #[test]
    fn a_key_is_a_text_whatever_it_looks_like() {
        for key in ["1234567890123456", "true", "0.1234567890123456", "[a, b]", r#"{"a\"=1}'\n"#] {
            let read: Value = quoted(key).parse().expect("infallible");
            assert_eq!(read.as_str(), Some(key));
        }
    }

    #[tokio::test]
    async fn what_has_ended_when_all_stop_is_not_started_again() {
        let child = Child {
            name: "ends-at-once".to_owned(),
            args: Vec::new(),
            service_key: String::new(),
            drain: DRAIN,
        };
        let (_orders, orders) = watch::channel(Orders::default());
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let binary = PathBuf::from("/bin/false");
        let task = tokio::spawn(supervise(child, binary, orders, stop.clone(), end));
        sleep(FIRST_BACKOFF / 2).await;
        assert!(!task.is_finished(), "until then it is restarted");
        stop.cancel();
        timeout(DRAIN, task).await.expect("the supervisor ends with all").expect("no panic");
    }
}
