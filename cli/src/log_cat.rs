//! `tallylight log cat`: prints the log as JSON lines, also while another process writes it.

use std::io::{BufWriter, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tallylight_eventlog::disk::ReadOnly;
use tallylight_eventlog::{Entry, Part};
use tallylight_schemas::record::Kind;
use tallylight_schemas::{ipc, record};

use crate::lines;
use crate::log::LogKind;
use crate::settings::Settings;

/// Bytes of entries read at a time.
const CHUNK: usize = 4 << 20;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Prints entries, one JSON object per line.
    Cat(CatArgs),
}

/// Which entries to print.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// `events` (what was received) or `rows` (what was computed).
    #[arg(long, default_value = record::EVENTS)]
    topic: String,
    /// First offset; the oldest by default.
    #[arg(long)]
    from: Option<u64>,
    /// Offset to stop before; the end by default.
    #[arg(long)]
    to: Option<u64>,
    /// Leaves out ticks, which only record that time has passed.
    #[arg(long)]
    no_ticks: bool,
}

pub(crate) async fn run(settings: Settings, command: LogCommand) -> anyhow::Result<()> {
    let LogCommand::Cat(args) = command;
    if settings.log.kind == LogKind::Kafka {
        anyhow::bail!("`log cat` reads the disk log only; read Kafka's topics by its own tools");
    }
    let out = BufWriter::new(std::io::stdout());
    tokio::task::spawn_blocking(move || cat(&settings, &args, out)).await??;
    Ok(())
}

/// Prints the entries; `false` if the reader has closed the pipe (`| head`).
fn cat(settings: &Settings, args: &CatArgs, mut out: impl Write) -> anyhow::Result<bool> {
    let log = ReadOnly::open(settings.data_dir.join("log"), &args.topic)?;
    let mut position = match args.from {
        Some(from) => from,
        None => log.earliest()?,
    };
    loop {
        let batch = log.read(position, CHUNK)?;
        if batch.lost > 0 {
            let lost = json!({ "lost": batch.lost, "before": batch.next });
            if !lines::is_read(writeln!(out, "{lost}"))? {
                return Ok(false);
            }
        }
        if batch.entries.is_empty() && batch.next == position {
            return Ok(lines::is_read(out.flush())?);
        }
        for entry in &batch.entries {
            if args.to.is_some_and(|to| entry.offset >= to) {
                return Ok(lines::is_read(out.flush())?);
            }
            if args.no_ticks && is_tick(entry) {
                continue;
            }
            if !print(&mut out, entry)? {
                return Ok(false);
            }
        }
        position = batch.next;
    }
}

fn is_tick(entry: &Entry) -> bool {
    entry.parts.iter().all(|part| part.kind == Kind::Tick.code())
}

/// Prints one entry; `false` likewise.
fn print(out: &mut impl Write, entry: &Entry) -> std::io::Result<bool> {
    let line = json!({
        "offset": entry.offset,
        "appended_at_us": entry.appended_at_us,
        "parts": entry.parts.iter().map(part).collect::<Vec<_>>(),
    });
    lines::is_read(writeln!(out, "{line}"))
}

/// A part as JSON. A part that cannot be read becomes its error, and those after it are still
/// printed.
fn part(part: &Part) -> Value {
    let Some(kind) = Kind::from_code(part.kind) else {
        return json!({ "kind": part.kind, "bytes": part.payload.len() });
    };
    if kind == Kind::Tick {
        return json!({ "kind": kind });
    }
    match rows(part) {
        Ok(rows) => json!({ "kind": kind, "partitions": partitions(part), "rows": rows }),
        Err(why) => json!({
            "kind": kind,
            "partitions": partitions(part),
            "bytes": part.payload.len(),
            "unreadable": why.to_string(),
        }),
    }
}

fn rows(part: &Part) -> anyhow::Result<Vec<Value>> {
    Ok(serde_arrow::from_record_batch(&ipc::decode(&part.payload)?)?)
}

fn partitions(part: &Part) -> Vec<Value> {
    part.ranges
        .iter()
        .map(|r| json!({ "partition": r.partition, "first_row": r.first_row, "rows": r.rows }))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tallylight_eventlog::PartitionRange;
    use tallylight_schemas::clock::WallClock;
    use tallylight_schemas::fates::{Fate, FateCount, Reason};

    use super::*;
    use crate::lines::tests::Closed;

    #[test]
    fn a_part_that_cannot_be_read_says_so_and_those_after_it_are_printed() {
        let part = |kind: u16, payload: Vec<u8>| {
            let range = PartitionRange { partition: 2, first_row: 0, rows: 1 };
            Part { kind, ranges: vec![range], payload: payload.into() }
        };
        let count = FateCount {
            tenant: "demo".into(),
            source: "cmcd".into(),
            fate: Fate::Accepted,
            reason: Reason::None,
            events: 7,
        };
        let parts = vec![
            part(Kind::Player.code(), b"no batch".to_vec()),
            part(9_999, b"of a later version".to_vec()),
            part(Kind::DoorFates.code(), ipc::encode_all(&[count]).expect("a batch")),
        ];
        let mut out = Vec::new();
        let entry = Entry { offset: 5, appended_at_us: 1, parts };
        assert!(print(&mut out, &entry).expect("printed"));
        let line: Value = serde_json::from_slice(&out).expect("a line of JSON");
        let [bad, later, fates] = [0, 1, 2].map(|at| &line["parts"][at]);
        assert_eq!((&bad["kind"], &bad["bytes"]), (&json!("player"), &json!(8)));
        assert_eq!(bad["partitions"][0]["partition"], 2);
        assert!(bad["unreadable"].as_str().is_some_and(|why| !why.is_empty()), "{bad}");
        assert_eq!(later, &json!({ "kind": 9_999, "bytes": 18 }));
        assert_eq!(fates["rows"][0]["events"], 7);
    }

    #[tokio::test]
    async fn a_closed_pipe_is_no_error_also_when_it_is_noticed_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
        let log = crate::log::disk(&settings, Arc::new(WallClock)).await.expect("a log");
        for _ in 0..2 {
            let part = Part { kind: 9_999, ranges: Vec::new(), payload: "of later".into() };
            log.append(record::EVENTS, vec![part]).await.expect("stored");
        }
        log.close().await;
        for to in [None, Some(1)] {
            let topic = record::EVENTS.to_owned();
            let args = CatArgs { topic, from: None, to, no_ticks: false };
            let read = |out: &mut dyn Write| cat(&settings, &args, out).expect("no error");
            assert!(!read(&mut Closed), "each line at once");
            assert!(!read(&mut BufWriter::new(Closed)), "all lines at the end");
            assert!(read(&mut std::io::sink()), "somebody reads them");
        }
    }
}
