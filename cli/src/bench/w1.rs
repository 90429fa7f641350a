//! W1, the workload for comparison with other engines: a file of JSON events into windows of a
//! second of event time by title, CDN and country, with count, sum of bitrate, average of buffer
//! and largest latency.
//!
//! Decoding and columns are the collector's own. The windows are written for this workload: the
//! processor's panes are built from sessions and have no CDN named by a player. So `w1` measures
//! our decoder and columns with a hash window, not the processor.

mod events;
mod windows;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use tallylight_collector::decode::json::Layout;
use tallylight_collector::decode::{self as collector, Rows, cmcd, json, rows};
use tallylight_collector::talkers::Talkers;

use super::floor::parse::Columns;
use super::{Folder, Measured, cpu, decode};
use events::Form;
use windows::{Found, Windows};

/// Bytes read at a time: a batch then has some thousand rows, like an entry of the log.
const BLOCK: usize = 1 << 20;

/// Measures over files of `events` and of three times as many. If `into` is given, they stay there,
/// each with its result.
pub(crate) fn run(events: usize, into: Option<&Path>) -> anyhow::Result<Vec<Measured>> {
    let ours_alone = into.is_none().then(|| Folder::new("w1"));
    let dir = into.or(ours_alone.as_ref().map(|folder| folder.0.as_path()));
    let dir = dir.context("there is no folder for the files")?;
    std::fs::create_dir_all(dir)?;
    let mut wanted = Vec::new();
    for count in [events, 3 * events] {
        let found = events::write(dir, count)?;
        let mut file = File::create(dir.join(format!("w1-{count}.csv")))?;
        file.write_all(windows::csv(&found).as_bytes())?;
        wanted.push(found);
    }
    let right = |count: usize, found: &Found| {
        let naive = &wanted[usize::from(count != events)];
        ensure!(found == naive, "the windows of {count} events are not those of the naive sum");
        Ok(())
    };
    let rate = |form: Form, windows: fn(&Path, Form) -> anyhow::Result<Found>| {
        cpu::slope(events, |count| {
            let path = dir.join(form.file(count));
            let mut found = Found::new();
            let spent = cpu::spent_here(|| {
                found = windows(&path, form)?;
                Ok(())
            })?;
            right(count, &found)?;
            Ok(spent)
        })
    };
    let floor = rate(Form::Json, floor)?;
    let what = "a parser that knows the order of the keys, interned words, windows by hash";
    let steps = [("w1", Form::Json), ("w1/as-cmcd", Form::Cmcd)];
    steps
        .map(|(name, form)| Ok(Measured::new(name, rate(form, ours)?, floor, what)))
        .into_iter()
        .collect()
}

/// Passes the lines of a file to `take`, a block of whole lines at a time.
fn blocks(path: &Path, mut take: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let (mut block, mut held) = (vec![0; BLOCK], 0);
    loop {
        let read = file.read(&mut block[held..])?;
        held += read;
        let whole = block[..held].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = if read == 0 { held } else { whole };
        if whole > 0 {
            take(&block[..whole])?;
            block.copy_within(whole..held, 0);
            held -= whole;
        }
        if read == 0 {
            return Ok(());
        }
        ensure!(held < BLOCK, "{}: a line of {BLOCK} bytes", path.display());
    }
}

/// By the collector's decoder, into the columns of the log.
fn ours(path: &Path, form: Form) -> anyhow::Result<Found> {
    let talkers = Talkers::new(0);
    let context = decode::context(&talkers);
    let mut windows = Windows::default();
    blocks(path, |lines| {
        let mut read = [Rows::new(1)];
        // The collector, too, counts them before it takes any.
        read[0].expect(collector::lines(lines).count());
        match form {
            Form::Json => json::body(lines, Layout::Lines, context, &mut read[0]),
            Form::Cmcd => cmcd::body(lines, context, &mut read[0]),
        };
        let batch = rows::player_batch(&mut read, 1)?.context("a block without a record")?;
        windows.add(&batch.rows)
    })?;
    Ok(windows.finish())
}

/// By the floor's parser.
fn floor(path: &Path, _: Form) -> anyhow::Result<Found> {
    let mut columns = Columns::new(&events::SHAPE, b"}");
    let mut windows = Windows::default();
    blocks(path, |lines| {
        columns.clear();
        let lines = std::str::from_utf8(lines)?.trim_end();
        columns.body(lines).context("the file has another shape than its parser")?;
        windows.add_numbers(&events::IN_SHAPE.map(|at| columns.numbers(at)));
        Ok(())
    })?;
    Ok(windows.finish_by(|word| columns.word(word)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_ways_find_the_windows_of_the_naive_sum() {
        // A wrong window fails the run; its cost matters only in a release build.
        super::run(20_000, None).expect("equal windows");
    }
}
