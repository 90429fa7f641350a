//! Real Kafka brokers, started by the project's own `scripts/kafka` in their own folder.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::{Mutex, MutexGuard};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings};
use tallylight_eventlog::{LogError, Shards, TopicSettings};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record;

use crate::world::binary;
use crate::world::processes::until_gone;

/// Running brokers; they are stopped when dropped.
#[derive(Debug)]
pub struct Brokers {
    count: u16,
    port: u16,
    dir: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Brokers are large: the tests of one binary use theirs one after the other.
static TURN: Mutex<()> = Mutex::new(());

/// A free port, with the ports of three brokers and their controllers above it free too.
fn free_port() -> u16 {
    let free = |port: &u16| {
        [0, 1, 2, 20, 21, 22].iter().all(|n| TcpListener::bind(("127.0.0.1", port + n)).is_ok())
    };
    let start = std::process::id() % 10;
    let ports = (0..10).map(|step| 27_200 + u16::try_from((start + step) % 10).unwrap() * 50);
    ports.into_iter().find(free).expect("free ports for Kafka")
}

impl Brokers {
    /// Starts one broker or three.
    pub fn start(count: u16) -> Self {
        let brokers = Self::planned(count);
        brokers.start_again();
        brokers
    }

    /// Reserves their addresses; [`Brokers::start_again`] starts them.
    pub fn planned(count: u16) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the brokers");
        let turn = TURN.lock();
        Self { count, port: free_port(), dir, _turn: turn }
    }

    /// Starts those that do not run, on their existing data.
    pub fn start_again(&self) {
        let (count, port) = (self.count.to_string(), self.port.to_string());
        // They end with this process, however it ends.
        let pid = std::process::id().to_string();
        self.script(&["start", "--brokers", &count, "--port", &port, "--while", &pid]);
    }

    /// Stops all of them in order.
    pub fn stop(&self) {
        self.script(&["stop"]);
    }

    fn script(&self, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka");
        let mut command = Command::new(script);
        command.args(arguments).arg("--dir").arg(self.dir.path()).stderr(Stdio::inherit());
        let output = command.output().expect("run scripts/kafka");
        assert!(output.status.success(), "scripts/kafka {arguments:?}{}", self.last_lines());
        String::from_utf8(output.stdout).expect("text")
    }

    /// What each broker wrote last.
    fn last_lines(&self) -> String {
        let of_one = |broker| {
            let file = self.dir.path().join(format!("node-{broker}/output"));
            let text = std::fs::read(&file).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(40)..].join("\n");
            format!("\n{}:\n{last}", file.display())
        };
        (1..=self.count).map(of_one).collect()
    }

    /// The number of the broker that leads the first shard of this topic now.
    pub fn leader(&self, topic: &str) -> u16 {
        let leaders = self.script(&["leader", topic]);
        let first = leaders.lines().next().and_then(|line| line.trim().parse().ok());
        first.expect("a broker's number")
    }

    /// `tallylight up` without the demo, with its log in these brokers.
    pub fn up(&self) -> Command {
        let mut command = Command::new(binary());
        command.args(["up", "--no-demo", "--log", &self.log()]);
        command
    }

    /// The value for `--log`.
    pub fn log(&self) -> String {
        format!("kafka://{}", self.addresses())
    }

    /// `HOST:PORT` of each, separated by commas.
    pub fn addresses(&self) -> String {
        let one = |n| format!("127.0.0.1:{}", self.port + n);
        (0..self.count).map(one).collect::<Vec<_>>().join(",")
    }

    /// The log as the services see it, with this clock.
    pub async fn open(&self, clock: Arc<dyn Clock>) -> Result<Shards, LogError> {
        let topics = [record::EVENTS, record::ROWS].map(|name| TopicSettings::new(name, 1 << 30));
        let settings = KafkaSettings {
            append_within: Duration::from_secs(2),
            ..KafkaSettings::new(self.addresses(), topics.to_vec())
        };
        Kafka::open(settings, clock).await?.all().await
    }

    /// Removes the records of a topic's first shard while no broker runs, as a power cut may lose
    /// what one broker had only in memory.
    pub fn empty(&self, topic: &str) {
        let folder = self.dir.path().join(format!("node-1/data/{topic}-0"));
        let files =
            std::fs::read_dir(&folder).expect("the topic's folder").map(|file| file.unwrap());
        let kept = files.map(|file| file.path()).filter(|path| {
            path.extension().is_some_and(|is| is == "log" || is == "index" || is == "timeindex")
        });
        kept.for_each(|path| std::fs::write(path, b"").expect("an empty file"));
    }

    /// `kill -9` of the broker with this number, from 1. Returns when it is gone: until then
    /// [`Brokers::start_again`] may take it for one that runs.
    pub fn kill(&self, broker: u16) {
        let file = self.dir.path().join(format!("node-{broker}/pid"));
        let pid = std::fs::read_to_string(&file).expect("a pid file");
        let pid: u32 = pid.trim().parse().expect("a pid");
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).expect("kill -9");
        until_gone(&[pid]);
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.stop();
    }
}
