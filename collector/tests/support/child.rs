//! A collector in its own process, with its own system limits. The test binary starts itself again
//! for it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tallylight_collector::{Parts, Settings, build};
use tallylight_eventlog::TopicSettings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::record::EVENTS;
use tokio_util::sync::CancellationToken;

const SETTINGS: &str = "TALLYLIGHT_TEST_SETTINGS";
const FOLDER: &str = "TALLYLIGHT_TEST_FOLDER";
const LISTENS: &str = "the collector listens on ";

/// A collector that runs until it is stopped.
pub struct Collector {
    child: Child,
    pub addr: SocketAddr,
    /// What it printed after its address.
    output: Vec<JoinHandle<String>>,
}

/// A folder for the log in memory, if the machine has one: a disk that pauses for 100 ms within a
/// second of measuring would count as the effect of something else.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The main function of its process; an ignored test named `the_collector` calls it.
pub fn be_the_collector() {
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    let folder = std::env::var(FOLDER).unwrap();
    let filter = "info,tallylight_collector=debug,tallylight_serve=debug";
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let settings: Settings = serde_json::from_str(&settings).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Its folder may be in memory, of which a container may have little.
        let topics = vec![TopicSettings::new(EVENTS, 32 << 20)];
        let log = DiskLog::open(DiskSettings::new(folder, topics), Arc::new(WallClock)).unwrap();
        let parts = Parts { clock: Arc::new(WallClock), log: Arc::new(log).into() };
        let service = build(settings, parts).await.unwrap();
        println!("{LISTENS}{}", service.addr());
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.run(stop.clone()));
        // The parent closes stdin when it is done or dead.
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
            .await
            .unwrap()
            .unwrap();
        stop.cancel();
        running.await.unwrap().unwrap();
    });
}

fn gather(from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        BufReader::new(from).read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Collector {
    /// Starts one that may have `files` open, with its log in `folder`.
    pub fn start(settings: &Settings, folder: &Path, files: u32) -> Self {
        Self::start_by(&format!("ulimit -n {files}; exec"), settings, folder)
    }

    /// The same on the first core only, with one worker thread.
    pub fn start_on_one_core(settings: &Settings, folder: &Path) -> Self {
        let by = "ulimit -n 16384; export TOKIO_WORKER_THREADS=1; exec taskset -c 0";
        Self::start_by(by, settings, folder)
    }

    /// The CPU time that it has used.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name, which may contain spaces: the state, and ten fields before the two times.
        let (_, numbers) = stat.rsplit_once(") ").unwrap();
        let ticks = numbers.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap());
        // A tick is a hundredth of a second on every Linux.
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    fn start_by(shell: &str, settings: &Settings, folder: &Path) -> Self {
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..settings.clone() };
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell} \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "the_collector", "--ignored", "--nocapture"])
            .env(SETTINGS, serde_json::to_string(&settings).unwrap())
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = gather(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let addr = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{}", errors.join().unwrap());
            if let Some((_, addr)) = line.split_once(LISTENS) {
                break addr.trim().parse().unwrap();
            }
        };
        Self { child, addr, output: vec![gather(lines), errors] }
    }

    /// The most memory it ever held, bytes.
    pub fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// How many files it has open, connections among them.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Lets it drain and end, and returns what it printed.
    pub fn stop(mut self) -> String {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.output.drain(..).map(|output| output.join().unwrap()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
