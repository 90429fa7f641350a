//! `tallylight tail`: records as they come in, one JSON object a line, from a running dashboard.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use crate::settings::Settings;
use crate::sql::why;

/// Between one answer and the next.
const PAUSE: Duration = Duration::from_secs(1);

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
    let mut tail = Tail { args, next: None, shown: 0 };
    // An answer has an end, at once where the log cannot be read; the next one goes on there.
    while tail.one(&settings).await? {
        sleep(PAUSE).await;
    }
    Ok(())
}

struct Tail {
    args: TailArgs,
    next: Option<String>,
    shown: u64,
}

impl Tail {
    /// One answer, to its end; false when enough was shown.
    async fn one(&mut self, settings: &Settings) -> anyhow::Result<bool> {
        let dashboard = settings.dashboard_url();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let query = [
            ("table", Some(self.args.table.as_str())),
            ("where", self.args.condition.as_deref()),
            ("columns", self.args.columns.as_deref()),
            ("from", self.next.as_deref()),
        ];
        let query: Vec<_> = query.into_iter().filter(|(_, value)| value.is_some()).collect();
        let answer = client.get(format!("{dashboard}/v1/tail")).query(&query).send().await;
        let mut answer = answer.with_context(|| {
            format!("no dashboard answers at {dashboard}: start it with `tallylight up`, or say where it is with --ports")
        })?;
        if !answer.status().is_success() {
            bail!("{}", why(&answer.bytes().await.unwrap_or_default()));
        }
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
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(line).and_then(|()| stdout.flush()) {
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
