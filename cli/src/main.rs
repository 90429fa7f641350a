//! `tallylight`, the one binary. `tallylight up` runs everything; each service also runs
//! alone by its subcommand.

mod audience;
mod audit;
mod bench;
mod data;
mod drill;
mod faults;
mod lines;
mod live;
mod log;
mod log_cat;
mod media;
mod memory;
mod open_files;
mod processor;
mod settings;
mod shutdown;
mod sql;
mod standalone;
mod tail;
mod up;

use std::env::VarError;

use anyhow::{anyhow, bail};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use settings::{Global, Settings};

/// One thread allocates a record and another frees it, which is slow with glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Telemetry for live video: what every viewer sees, within seconds.
#[derive(Debug, Parser)]
#[command(name = "tallylight", version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole loop: every service as a child, restarted when it dies.
    Up(up::UpArgs),
    /// The data process: log, collector, stream processor and dashboard.
    Data,
    /// The collector alone, on a log in Kafka.
    Collector,
    /// Stream processors alone, of the shards of a log in Kafka that this process is given.
    Processor,
    /// The dashboard alone, on a log in Kafka.
    Dashboard,
    /// An encoder with its packager.
    Encoder(media::EncoderArgs),
    /// The origin.
    Origin,
    /// An edge.
    Edge(media::EdgeArgs),
    /// Manifests, content steering, the prober and decisions.
    Steering,
    /// Simulated viewers with a ground-truth ledger.
    Audience(audience::AudienceArgs),
    /// Turns the fault switches of a running `up` and measures what follows.
    Drill(drill::DrillArgs),
    /// Reads the log.
    #[command(subcommand)]
    Log(log_cat::LogCommand),
    /// Runs a statement of SQL over what is live and what is kept (docs/sql.md).
    Sql(sql::SqlArgs),
    /// Shows records as they come in (docs/feed.md).
    Tail(tail::TailArgs),
    /// Checks the windows and sessions of history against the facts (docs/audit.md); exits with
    /// 1 when a row is not what the facts say.
    Audit(audit::AuditArgs),
    /// Prints the settings that would be used, or what is wrong with them.
    Config,
    /// Measures steps as ratios to a floor in one run.
    Bench(bench::BenchArgs),
}

impl Command {
    fn handles_records(&self) -> bool {
        matches!(self, Self::Data | Self::Collector | Self::Processor)
    }

    fn has_clients(&self) -> bool {
        let others =
            matches!(self, Self::Dashboard | Self::Origin | Self::Edge(_) | Self::Steering);
        others || self.handles_records()
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    shutdown::die_with_parent(cli.global.supervisor_pid)?;
    start_tracing()?;
    if cli.command.handles_records() {
        memory::keep()?;
    }
    if cli.command.has_clients() {
        open_files::allow_many();
    }
    let settings = Settings::load(&cli.global)?;
    let faults = faults::Switches::of(&cli.global);
    match cli.command {
        Command::Up(args) => up::run(&cli.global, settings, &args),
        Command::Data => block_on(data::run(settings)),
        Command::Collector => block_on(standalone::collector(settings)),
        Command::Processor => block_on(standalone::processor(settings)),
        Command::Dashboard => block_on(standalone::dashboard(settings)),
        Command::Encoder(args) => block_on(media::encoder(settings, args, faults)),
        Command::Origin => block_on(media::origin(settings)),
        Command::Edge(args) => block_on(media::edge(settings, args, faults)),
        Command::Steering => block_on(media::steering(settings)),
        Command::Audience(args) => block_on(audience::run(settings, args, faults)),
        Command::Drill(args) => block_on(drill::run(settings, args)),
        Command::Log(command) => block_on(log_cat::run(settings, command)),
        Command::Sql(args) => block_on(sql::run(settings, args)),
        Command::Tail(args) => block_on(tail::run(settings, args)),
        Command::Audit(args) => block_on(audit::run(settings, args)),
        Command::Config => settings.print(),
        Command::Bench(args) => bench::run(&args),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Logs go to stderr, and `TALLYLIGHT_LOG` sets the filter; stdout is for answers.
fn start_tracing() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(filter(std::env::var("TALLYLIGHT_LOG"))?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // It would report a stderr that is closed with `eprintln!`, which panics then.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// The requested filter, or the default. Delta warns of each commit that lost a race to another,
/// which is normal with several writers and is retried. The verifier of certificates logs each
/// failed attempt to connect as an error; the caller already reports it once.
fn filter(asked: Result<String, VarError>) -> anyhow::Result<EnvFilter> {
    let usual = "warn,deltalake_core::kernel::transaction=off,rustls_platform_verifier=off";
    if asked == Err(VarError::NotPresent) {
        return Ok(EnvFilter::try_new(usual)?);
    }
    let asked = asked.map_err(|error| anyhow!("{MISTYPED}: {error}"))?;
    if let Some(word) = asked.split(',').map(str::trim).find(|word| is_mistyped_level(word)) {
        bail!(
            "{MISTYPED}: {word} is not a level; for everything from a crate of that name write {word}=trace"
        );
    }
    EnvFilter::try_new(&asked).map_err(|error| anyhow!("{MISTYPED}: {error}"))
}

/// A word that is not a level would be taken for a crate, and our own crates would log nothing.
fn is_mistyped_level(word: &str) -> bool {
    let is_bare = !word.is_empty() && !word.contains(['=', '[']);
    is_bare && word.parse::<LevelFilter>().is_err() && !word.starts_with("tallylight")
}

/// The error when the filter cannot be parsed.
const MISTYPED: &str = "TALLYLIGHT_LOG is not a filter such as info or warn,tallylight_store=debug";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_told_and_not_passed_over() {
        assert!(filter(Err(VarError::NotPresent)).is_ok());
        assert!(filter(Ok("info,tallylight_store=debug".to_owned())).is_ok());
        assert!(filter(Ok("warn,tallylight_store".to_owned())).is_ok());
        for (asked, why) in [
            ("info,tallylight_store=loud", "expected one of \"off\""),
            ("inof", "inof is not a level"),
            ("warn, dbug", "dbug is not a level"),
        ] {
            let refused = filter(Ok(asked.to_owned())).unwrap_err().to_string();
            assert!(refused.contains("TALLYLIGHT_LOG") && refused.contains(why), "{refused}");
        }
    }
}
