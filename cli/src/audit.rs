//! `tallylight audit`: checks the history of the data folder with the code that wrote it.

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use tallylight_store::history::{History, hour_number};
use tallylight_stream_processor::audit::{Audit, Findings, Report};

use crate::lines;
use crate::settings::Settings;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The first hour of event time, such as 2026-11-25T20. Default: the oldest.
    #[arg(long, value_name = "HOUR", value_parser = hour)]
    from: Option<i64>,
    /// The hour after the last one. Default: everything.
    #[arg(long, value_name = "HOUR", value_parser = hour)]
    to: Option<i64>,
    /// The format of the answer.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Table,
    Json,
}

fn hour(text: &str) -> Result<i64, String> {
    hour_number(text).ok_or_else(|| format!("{text} is not an hour; write it like 2026-11-25T20"))
}

/// Checks the files of history, also while the platform runs: rows that are not in a file yet are
/// not checked. Exits with 1 if rows drift, or if there was no row to check.
pub(crate) async fn run(settings: Settings, args: AuditArgs) -> anyhow::Result<()> {
    let folder = settings.data_dir.join("history");
    if !folder.is_dir() {
        bail!("there is no history in {}; say where it is with --data", folder.display());
    }
    let history = History::open_read_only(&folder).await?;
    let found = check(&settings, &history, &args).await?;
    conclude(&mut std::io::stdout().lock(), &found, args.format)
}

/// Shows the findings and judges them, whether or not anybody still reads them.
fn conclude(to: &mut impl Write, found: &Findings, format: Form) -> anyhow::Result<()> {
    let shown = match format {
        Form::Json => serde_json::to_writer_pretty(&mut *to, found).map_err(std::io::Error::from),
        Form::Table => table(to, found),
    };
    lines::is_read(shown.and_then(|()| to.flush()))?;
    if found.drift > 0 {
        bail!("rows drift: history is not what the log says");
    }
    if found.rows == 0 {
        bail!(
            "nothing was compared: history reaches to {}, and no row of the requested hours was \
             final by then (a pane is final two minutes after its end)",
            time(found.until)
        );
    }
    Ok(())
}

async fn check(
    settings: &Settings,
    history: &History,
    args: &AuditArgs,
) -> anyhow::Result<Findings> {
    // The reach comes first, so that everything up to it is in the files that are read afterwards.
    let until = history.reach().await?.context(
        "history does not record yet how far it reaches: it does after the first checkpoint, half \
         a minute after a start",
    )?;
    let processor = &settings.processor;
    let wanted = args.from.unwrap_or(i64::MIN)..args.to.unwrap_or(i64::MAX);
    let found =
        Audit::all(history, processor.partitions, &processor.limits, (wanted, until)).await?;
    found.context("history has no facts yet: nothing to check")
}

fn time(us: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(us);
    time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)).unwrap_or_default()
}

fn table(to: &mut impl Write, found: &Findings) -> std::io::Result<()> {
    writeln!(to, "{:<14} {:<14} {:>10} {:>8} {:>8}", "hour", "table", "rows", "drift", "late")?;
    for report in &found.reports {
        let Report { hour, table, rows, drift, late, .. } = report;
        writeln!(to, "{hour:<14} {table:<14} {rows:>10} {drift:>8} {late:>8}")?;
        for key in &report.drifting {
            writeln!(to, "    drift: {key}")?;
        }
        for key in &report.lagging {
            writeln!(to, "    late: {key}")?;
        }
    }
    let Findings { until, rows, drift, late, .. } = found;
    writeln!(
        to,
        "until {} of log time: {rows} rows compared, {drift} drift, {late} late",
        time(*until)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::tests::Closed;

    #[test]
    fn the_verdict_is_given_also_when_nobody_reads_the_findings() {
        for format in [Form::Table, Form::Json] {
            let verdict = |rows, drift| {
                let found = Findings { rows, drift, ..Findings::default() };
                let why = conclude(&mut Closed, &found, format).err();
                why.map(|why| why.to_string()).unwrap_or_default()
            };
            assert_eq!(verdict(7, 0), "");
            assert_eq!(verdict(7, 1), "rows drift: history is not what the log says");
            assert!(verdict(0, 0).starts_with("nothing was compared: history reaches to 1970-"));
        }
    }
}
