//! `tallylight tail`: records as they arrive, one JSON object per line, from a running dashboard.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::lines;
use crate::settings::Settings;
use crate::sql::why;

/// Pause between one answer and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a dashboard that has answered before may be unreachable.
const AWAY: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// Three times the interval at which the dashboard sends at least an empty line, 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// Which records to show.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The condition for a record, as after WHERE in SQL: "e = 'e' AND cid = 'demo'".
    #[arg(long = "where")]
    condition: Option<String>,
    /// `player_events` or `delivery_events`.
    #[arg(long, default_value = "player_events")]
    table: String,
    /// The columns to show, separated by commas; values that a record does not have are left out.
    #[arg(long)]
    columns: Option<String>,
    /// Ends after this many records.
    #[arg(long)]
    rows: Option<u64>,
}

/// A line about the tail itself: `{"tail": {…, "next": 12}}`.
#[derive(Debug, Deserialize)]
struct ControlLine {
    tail: TailState,
}

#[derive(Debug, Deserialize)]
struct TailState {
    next: Value,
    #[serde(default)]
    skipped_entries: u64,
    #[serde(default)]
    lost_entries: u64,
    error: Option<String>,
}

pub(crate) async fn run(settings: Settings, args: TailArgs) -> anyhow::Result<()> {
    let dashboard = settings.dashboard_url();
    let client = client(SILENCE)?;
    let out = Box::new(std::io::stdout());
    Tail { dashboard, client, args, next: None, shown: 0, out }.follow().await
}

/// Each answer has its own connection: one kept open is useless once its dashboard has restarted.
fn client(silence: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.connect_timeout(CONNECT).read_timeout(silence).build()
}

/// Why there is no answer.
enum NoAnswer {
    /// The dashboard cannot be reached now.
    Unreachable(anyhow::Error),
    /// Another attempt would fail likewise.
    Permanent(anyhow::Error),
}

struct Tail {
    dashboard: String,
    client: Client,
    args: TailArgs,
    next: Option<String>,
    shown: u64,
    out: Box<dyn Write>,
}

impl Tail {
    /// Every answer ends, at once if the log cannot be read. The next one continues from there,
    /// even if the dashboard has restarted meanwhile.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let mut away_since = None;
        loop {
            match self.ask().await {
                Ok(answer) => {
                    away_since = None;
                    if !self.show(answer).await? {
                        return Ok(());
                    }
                }
                Err(NoAnswer::Unreachable(why)) if self.next.is_some() => {
                    let since = *away_since.get_or_insert_with(|| {
                        let _ = writeln!(std::io::stderr(), "{why:#}; retrying for a minute");
                        Instant::now()
                    });
                    if since.elapsed() > AWAY {
                        return Err(why);
                    }
                }
                Err(NoAnswer::Unreachable(why) | NoAnswer::Permanent(why)) => return Err(why),
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask(&self) -> Result<Response, NoAnswer> {
        let dashboard = &self.dashboard;
        let query = [
            ("table", Some(self.args.table.as_str())),
            ("where", self.args.condition.as_deref()),
            ("columns", self.args.columns.as_deref()),
            ("from", self.next.as_deref()),
        ];
        let query: Vec<_> = query.into_iter().filter(|(_, value)| value.is_some()).collect();
        let answer = self.client.get(format!("{dashboard}/v1/tail")).query(&query).send().await;
        let answer = answer.map_err(|error| match error.is_connect() {
            true => NoAnswer::Unreachable(anyhow!(
                "no dashboard answers at {dashboard}: start it with `tallylight up`, or say where \
                 it is with --ports"
            )),
            false => {
                let why = format!("the dashboard at {dashboard} gives no answer");
                NoAnswer::Permanent(anyhow::Error::new(error).context(why))
            }
        })?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status => {
                let why = anyhow!("{}", why(&answer.bytes().await.unwrap_or_default()));
                let is_away = status == StatusCode::SERVICE_UNAVAILABLE;
                Err(if is_away { NoAnswer::Unreachable(why) } else { NoAnswer::Permanent(why) })
            }
        }
    }

    /// Shows an answer to its end; false if enough records have been shown.
    async fn show(&mut self, mut answer: Response) -> anyhow::Result<bool> {
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().await.context("the dashboard broke off")? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if !self.line(&line)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Shows a line; false if it was the last one requested.
    fn line(&mut self, line: &[u8]) -> anyhow::Result<bool> {
        if line == b"\n" {
            return Ok(true);
        }
        if line.starts_with(b"{\"tail\":") {
            return self.control_line(line);
        }
        if !lines::is_read(self.out.write_all(line).and_then(|()| self.out.flush()))? {
            return Ok(false);
        }
        self.shown += 1;
        Ok(self.args.rows.is_none_or(|rows| self.shown < rows))
    }

    fn control_line(&mut self, line: &[u8]) -> anyhow::Result<bool> {
        let ControlLine { tail } = serde_json::from_slice(line)?;
        let next = tail.next.as_str().map_or(tail.next.to_string(), str::to_owned);
        let mut stderr = std::io::stderr().lock();
        if let Some(error) = tail.error {
            writeln!(stderr, "at {next}: {error}")?;
        }
        self.next = Some(next);
        if tail.skipped_entries > 0 {
            writeln!(stderr, "too slow: {} entries skipped", tail.skipped_entries)?;
        }
        if tail.lost_entries > 0 {
            writeln!(stderr, "{} entries of the log are gone", tail.lost_entries)?;
        }
        Ok(self.args.rows != Some(0))
    }
}

#[cfg(test)]
mod tests;
