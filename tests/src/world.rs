//! `tallylight up` as a user starts it, on its own ports, with its own data.

pub(crate) mod processes;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

/// A running Tallylight; it is stopped when dropped.
#[derive(Debug)]
pub struct World {
    /// First port.
    pub base: u16,
    /// Its data folder.
    pub data: tempfile::TempDir,
    /// When `up` was started.
    pub started: Instant,
    up: Child,
    /// Held by a test that needs the machine for itself.
    turn: Option<MutexGuard<'static, ()>>,
}

/// Worlds of one process look for free ports one at a time, since two would find the same. A world
/// stays the only one unless it was started [beside others](World::start_beside).
static TURN: Mutex<()> = Mutex::new(());

/// The binary that cargo built beside this test, or the one that `UNDER_TEST` names.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("UNDER_TEST") {
        return named.into();
    }
    let test = std::env::current_exe().expect("this test's own path");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let binary = folder.join("tallylight");
    assert!(
        binary.exists(),
        "{} is missing: run `make test`, or `cargo build` first",
        binary.display()
    );
    binary
}

/// Makes the processor write history and snapshots this often, so that kills hit it while it does.
pub fn checkpoint_every(command: &mut Command, seconds: u32) {
    for setting in ["CHECKPOINT_S", "SNAPSHOT_S"] {
        let name = format!("TALLYLIGHT_PROCESSOR__ARCHIVE__{setting}");
        command.env(name, seconds.to_string());
    }
}

/// A free base port, with the other ports of `up` free too. All are below the range for outgoing
/// connections (from 32768), or a connection could hold one when `up` starts again.
fn free_base() -> u16 {
    let start = std::process::id() % 390;
    (0..390)
        .map(|step| 12_000 + u16::try_from((start + step) % 390).unwrap() * 50)
        .find(|base| {
            [0, 1, 10, 11, 12, 20, 30]
                .iter()
                .all(|port| TcpListener::bind(("127.0.0.1", base + port)).is_ok())
        })
        .expect("free ports")
}

impl World {
    /// Starts `up` with these arguments and waits until the dashboard answers.
    pub async fn start(args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("up").args(args);
        Self::start_with(command).await
    }

    /// Likewise for a test that leaves the machine mostly idle: it runs beside others of its kind,
    /// as many as the harness has threads.
    pub async fn start_beside(args: &[&str]) -> Self {
        let mut world = Self::start(args).await;
        world.turn = None;
        world
    }

    /// Starts `make run`'s script, as a newcomer does on a built tree.
    pub async fn start_by_script() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/run.sh");
        let mut command = Command::new(script);
        // The built tree is the one this test was built in.
        let target = binary().parent().and_then(Path::parent).map(Path::to_path_buf);
        // The environment must be a shell's, not a test's: `ring`'s build script, for one, runs
        // again when cargo's variables change, and everything that depends on it is recompiled.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if (text.starts_with("CARGO") && text != "CARGO_HOME") || text == "LD_LIBRARY_PATH" {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_TARGET_DIR", target.expect("the target folder"));
        Self::start_with(command).await
    }

    /// Starts a command that is `up` with its arguments.
    pub async fn start_with(command: Command) -> Self {
        Self::start_on(|_| command).await
    }

    /// Starts the command that `command` builds for the base port.
    pub async fn start_on(command: impl FnOnce(u16) -> Command) -> Self {
        let world = Self::begin(command);
        world.ready("the dashboard", 30).await;
        world
    }

    /// Likewise, without waiting.
    pub fn begin(command: impl FnOnce(u16) -> Command) -> Self {
        let turn = TURN.lock();
        let base = free_base();
        let mut command = command(base);
        let data = tempfile::tempdir().expect("a folder for the data");
        let started = Instant::now();
        let up = command
            .args(["--ports", &base.to_string(), "--data"])
            .arg(data.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("start tallylight up");
        Self { base, data, started, up, turn: Some(turn) }
    }

    async fn ready(&self, what: &str, seconds: u64) {
        self.wait_for(what, seconds, async || self.get("/readyz").await.is_ok()).await;
    }

    /// The dashboard's address.
    pub fn dashboard(&self) -> String {
        self.url(0)
    }

    /// The collector's address.
    pub fn collector(&self) -> String {
        self.url(1)
    }

    /// The address at the base port plus `offset`.
    pub fn url(&self, offset: u16) -> String {
        format!("http://127.0.0.1:{}", self.base + offset)
    }

    /// The answer of the dashboard to a GET, an error unless it succeeds.
    pub async fn get(&self, path: &str) -> Result<String, String> {
        let answer = reqwest::get(format!("{}{path}", self.dashboard())).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(text) } else { Err(format!("{path}: {status}: {text}")) }
    }

    /// The answer to a GET as JSON; it must succeed.
    pub async fn json(&self, path: &str) -> Value {
        let text = self.get(path).await.unwrap_or_else(|error| panic!("{error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// The rows that SQL returns.
    pub async fn sql(&self, sql: &str) -> Vec<Value> {
        let body = serde_json::json!({ "sql": sql }).to_string();
        let post = reqwest::Client::new().post(format!("{}/v1/sql", self.dashboard()));
        let answer =
            post.header("content-type", "application/json").body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{sql}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until `ready` or fails the test.
    pub async fn wait_for(&self, what: &str, seconds: u64, ready: impl AsyncFn() -> bool) {
        self.wait_some(what, seconds, async || ready().await.then_some(())).await;
    }

    /// Waits until `found` finds something or fails the test.
    pub async fn wait_some<T>(
        &self,
        what: &str,
        seconds: u64,
        found: impl AsyncFn() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(found) = found().await {
                return found;
            }
            assert!(Instant::now() < deadline, "{what} did not come within {seconds} s");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the origin has the programme's first whole segment.
    pub async fn wait_for_picture(&self) {
        self.wait_for("the picture", 40, async || {
            self.get("/live/demo/segments.json").await.is_ok_and(|text| text.contains("on_time"))
        })
        .await;
    }

    /// A command of the binary with this world's ports and data.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.args(["--ports", &self.base.to_string(), "--data"]).arg(self.data.path());
        command
    }

    /// Starts `up` once more on the same ports and data, and waits for the dashboard.
    pub async fn start_again(&mut self, mut command: Command) {
        self.up = command.stdin(Stdio::null()).spawn().expect("start tallylight up");
        self.ready("the dashboard", 60).await;
    }

    /// Ctrl-C, and a wait for the drain.
    pub fn stop(&mut self) {
        let running = matches!(self.up.try_wait(), Ok(None));
        if running && self.signal(Signal::SIGTERM) && self.ended().is_none() {
            let _ = self.up.kill();
        }
    }

    /// Sends `up` a signal; returns whether it is there to get one.
    pub fn signal(&self, signal: Signal) -> bool {
        kill(Pid::from_raw(i32::try_from(self.up.id()).unwrap()), signal).is_ok()
    }

    /// Waits for the end of `up`, which was asked for, and returns how it ended; none if it has not
    /// by the time that a drain may take.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + Duration::from_secs(40);
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.up.try_wait() {
                return Some(status);
            }
            #[allow(clippy::disallowed_methods, reason = "waits for another process")]
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        let _ = self.up.wait();
    }
}
