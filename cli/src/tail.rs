//! `tallylight tail`: records as they come in, one JSON object a line, from a running dashboard.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::settings::Settings;
use crate::sql::why;

/// Between one answer and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a dashboard that gave an answer may be away before the next one.
const AWAY: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// Three beats of the dashboard, which sends at least an empty line every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// What must hold for a record, as after WHERE in SQL: "e = 'e' AND cid = 'demo'".
    #[arg(long = "where")]
    condition: Option<String>,
    /// `player_events` or `delivery_events`.
    #[arg(long, default_value = "player_events")]
    table: String,
    /// The columns to show, with commas between; what a record does not have is left out.
    #[arg(long)]
    columns: Option<String>,
    /// Ends after so many records.
    #[arg(long)]
    rows: Option<u64>,
}

/// A line about the tail itself: `{"tail": {…, "next": 12}}`.
#[derive(Debug, Deserialize)]
struct Word {
    tail: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
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

/// Each answer has a connection of its own: one that was kept is no use when its dashboard went.
fn client(silence: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.connect_timeout(CONNECT).read_timeout(silence).build()
}

/// Why there is no answer.
enum Without {
    /// The dashboard is not there now.
    Away(anyhow::Error),
    /// It would say the same again.
    ForGood(anyhow::Error),
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
    /// An answer has an end, at once where the log cannot be read; the next one goes on there,
    /// also when the dashboard was started again meanwhile.
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
                Err(Without::Away(why)) if self.next.is_some() => {
                    let since = *away_since.get_or_insert_with(|| {
                        let _ = writeln!(std::io::stderr(), "{why:#}; asks again for a minute");
                        Instant::now()
                    });
                    if since.elapsed() > AWAY {
                        return Err(why);
                    }
                }
                Err(Without::Away(why) | Without::ForGood(why)) => return Err(why),
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask(&self) -> Result<Response, Without> {
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
            true => Without::Away(anyhow!(
                "no dashboard answers at {dashboard}: start it with `tallylight up`, or say where \
                 it is with --ports"
            )),
            false => {
                let why = format!("the dashboard at {dashboard} gives no answer");
                Without::ForGood(anyhow::Error::new(error).context(why))
            }
        })?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status => {
                let why = anyhow!("{}", why(&answer.bytes().await.unwrap_or_default()));
                let is_away = status == StatusCode::SERVICE_UNAVAILABLE;
                Err(if is_away { Without::Away(why) } else { Without::ForGood(why) })
            }
        }
    }

    /// An answer, to its end; false when enough was shown.
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

    /// Shows a line; false when it was the last that was wanted.
    fn line(&mut self, line: &[u8]) -> anyhow::Result<bool> {
        if line == b"\n" {
            return Ok(true);
        }
        if line.starts_with(b"{\"tail\":") {
            return self.word(line);
        }
        match self.out.write_all(line).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(false),
            other => other?,
        }
        self.shown += 1;
        Ok(self.args.rows.is_none_or(|rows| self.shown < rows))
    }

    fn word(&mut self, line: &[u8]) -> anyhow::Result<bool> {
        let Word { tail } = serde_json::from_slice(line)?;
        let next = tail.next.as_str().map_or(tail.next.to_string(), str::to_owned);
        let mut stderr = std::io::stderr().lock();
        if let Some(error) = tail.error {
            writeln!(stderr, "at {next}: {error}")?;
        }
        self.next = Some(next);
        if tail.skipped_entries > 0 {
            writeln!(stderr, "too slow: {} entries passed over", tail.skipped_entries)?;
        }
        if tail.lost_entries > 0 {
            writeln!(stderr, "{} entries of the log are gone", tail.lost_entries)?;
        }
        Ok(self.args.rows != Some(0))
    }
}

#[cfg(test)]
mod tests;
