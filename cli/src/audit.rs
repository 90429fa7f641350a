//! `tallylight audit`: the books of the data folder, checked by the code that wrote them.

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use tallylight_store::archive::{History, hour_of};
use tallylight_stream_processor::audit::{Audit, Report};

use crate::settings::Settings;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The first hour of event time, such as 2026-11-25T20; without it the oldest.
    #[arg(long, value_name = "HOUR", value_parser = hour)]
    from: Option<i64>,
    /// The hour after the last one; without it everything.
    #[arg(long, value_name = "HOUR", value_parser = hour)]
    to: Option<i64>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Table,
    Json,
}

fn hour(text: &str) -> Result<i64, String> {
    let start = chrono::NaiveDateTime::parse_from_str(&format!("{text}:00"), "%Y-%m-%dT%H:%M");
    let start = start.map_err(|_| format!("{text} is no hour; write it like 2026-11-25T20"))?;
    Ok(hour_of(start.and_utc().timestamp_micros()))
}

/// Checks the files of history, also beside a running platform: what is in no file yet is not
/// looked at. Exits with 1 when rows drift.
pub(crate) async fn run(settings: Settings, args: AuditArgs) -> anyhow::Result<()> {
    let folder = settings.data_dir.join("history");
    if !folder.is_dir() {
        bail!("there is no history in {}; say where it is with --data", folder.display());
    }
    let history = History::open_read_only(&folder).await?;
    let reports = check(&settings, &history, &args).await?;
    let mut stdout = std::io::stdout().lock();
    match args.format {
        Form::Json => serde_json::to_writer_pretty(&mut stdout, &reports)?,
        Form::Table => table(&mut stdout, &reports)?,
    }
    stdout.flush()?;
    if reports.iter().any(|report| report.drift > 0) {
        writeln!(std::io::stderr(), "rows drift: history is not what the log says")?;
        std::process::exit(1);
    }
    Ok(())
}

async fn check(
    settings: &Settings,
    history: &History,
    args: &AuditArgs,
) -> anyhow::Result<Vec<Report>> {
    let processor = &settings.processor;
    let audit = Audit::begin(history, processor.partitions, &processor.limits, 0).await?;
    let mut audit = audit.context("history has no facts yet: nothing to check")?;
    let lateness = audit.lateness(i64::MIN..i64::MAX).await?;
    let wanted = args.from.unwrap_or(i64::MIN)..args.to.unwrap_or(i64::MAX);
    let mut reports = Vec::new();
    let (hours, known) = audit.hours().await?;
    for hour in hours {
        if wanted.contains(&hour) {
            reports.extend(audit.check(hour, known, &lateness).await?);
        }
    }
    Ok(reports)
}

fn table(to: &mut impl Write, reports: &[Report]) -> std::io::Result<()> {
    writeln!(to, "{:<14} {:<14} {:>10} {:>8} {:>8}", "hour", "table", "rows", "drift", "late")?;
    for report in reports {
        let Report { hour, table, rows, drift, late, .. } = report;
        writeln!(to, "{hour:<14} {table:<14} {rows:>10} {drift:>8} {late:>8}")?;
        for key in &report.drifting {
            writeln!(to, "    drift: {key}")?;
        }
        for key in &report.lagging {
            writeln!(to, "    late: {key}")?;
        }
    }
    Ok(())
}
