//! `tallylight up --no-demo` as a process of its own, watched from outside.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::late::Look;
use crate::bench::{Folder, resident};

const QUESTION: &str = "SELECT country, device, count(*) AS n FROM live_sessions GROUP BY 1, 2";

/// A running `up`; it is terminated when dropped.
#[derive(Debug)]
pub(super) struct Whole {
    up: Child,
    base: u16,
    client: reqwest::Client,
    /// Its data folder, removed with it.
    _folder: Folder,
}

impl Whole {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (base, folder) = (free_base()?, Folder::new("steady"));
        let mut up = Command::new(std::env::current_exe()?);
        up.args(["up", "--no-demo", "--ports", &base.to_string(), "--data"]).arg(&folder.0);
        let up = up.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let whole = Self { up, base, client: reqwest::Client::new(), _folder: folder };
        whole.until_fresh(u64::MAX, Duration::from_secs(30)).await?;
        Ok(whole)
    }

    /// The URL that records are posted to.
    pub(super) fn collector(&self) -> String {
        format!("http://127.0.0.1:{}/v1/cmcd?k=demo", self.base + 1)
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.base);
        Ok(self.client.get(url).send().await?.text().await?)
    }

    /// The age of the dashboard's figures by its own metrics, and what the processor spent its time
    /// on; `at` is the time of this look.
    pub(super) async fn look(&self, at: Duration) -> anyhow::Result<Look> {
        let text = self.metrics().await?;
        let of = |line: &str| {
            let line = line.strip_prefix("tallylight_processor_spent_seconds_total{doing=\"")?;
            let (doing, seconds) = line.split_once("\"} ")?;
            Some((doing.to_owned(), seconds.parse().ok()?))
        };
        let name = "tallylight_dashboard_freshness_ms ";
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let age: f64 =
            value.context("the dashboard does not say how old its figures are")?.parse()?;
        ensure!(age.is_finite(), "the dashboard has no figures");
        Ok(Look { at, age_ms: age as u64, spent: text.lines().filter_map(of).collect() })
    }

    /// How long SQL takes to count the open sessions by two dimensions, ms; or its reason for
    /// refusing, as it may under load.
    pub(super) async fn question_ms(&self) -> anyhow::Result<Result<u64, String>> {
        let url = format!("http://127.0.0.1:{}/v1/sql", self.base);
        let (asked, began) = (serde_json::json!({ "sql": QUESTION }), Instant::now());
        let answer = self.client.post(url).json(&asked).send().await?;
        if !answer.status().is_success() {
            return Ok(Err(answer.text().await?));
        }
        let rows: Vec<serde_json::Value> = answer.json().await?;
        ensure!(!rows.is_empty(), "`live_sessions` is empty");
        Ok(Ok(u64::try_from(began.elapsed().as_millis())?))
    }

    /// Waits until figures are at most this old.
    pub(super) async fn until_fresh(&self, age_ms: u64, within: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            match self.look(began.elapsed()).await {
                Ok(look) if look.age_ms <= age_ms => return Ok(()),
                _ if began.elapsed() < within => {}
                Ok(look) => bail!("after {within:?} figures are {} ms old", look.age_ms),
                Err(error) => return Err(error.context(format!("nothing within {within:?}"))),
            }
            tokio::time::sleep(super::EVERY).await;
        }
    }

    /// Resident memory of the data process, bytes.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        let up = self.up.id();
        let children = std::fs::read_to_string(format!("/proc/{up}/task/{up}/children"))?;
        let is_data = |pid: &&str| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == b"data")
        };
        resident(children.split_whitespace().find(is_data).context("`up` has no data process")?)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.up.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.up.wait();
    }
}

/// The ports from the base on that `up --no-demo` listens at.
const PORTS: [u16; 4] = [0, 1, 20, 30];

/// A free base port, with the other ports free too, below the range for outgoing connections.
fn free_base() -> anyhow::Result<u16> {
    let free =
        |base: &u16| PORTS.iter().all(|more| TcpListener::bind(("127.0.0.1", base + more)).is_ok());
    (12_000..32_000).step_by(50).find(free).context("no free ports between 12000 and 32000")
}
