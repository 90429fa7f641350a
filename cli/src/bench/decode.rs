//! From a body's bytes to Arrow columns.

use std::hint::black_box;

use anyhow::ensure;
use tallylight_collector::decode::{Context, Rows, cmcd};
use tallylight_collector::talkers::Talkers;

use super::floor::parse::Columns;
use super::{Measured, cpu, sample};

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let body = sample::lines(sample::ROWS, sample::BEGAN_MS).join("\n");
    let talkers = Talkers::new(0);
    let context = context(&talkers);
    let step = cpu::rate(sample::ROWS, || {
        let mut rows = Rows::new(sample::PARTITIONS);
        rows.expect(sample::ROWS);
        black_box(cmcd::body(body.as_bytes(), context, &mut rows));
        ensure!(rows.len() == sample::ROWS, "a record of the sample was refused");
        black_box(rows);
        Ok(())
    })?;
    let what = "a parser that knows the order of the keys, into columns with interned words";
    Ok(vec![Measured::new("decode", step, floor()?, what)])
}

/// Events per CPU-second of the floor's parser.
pub(crate) fn floor() -> anyhow::Result<f64> {
    let body = sample::lines(sample::ROWS, sample::BEGAN_MS).join("\n");
    let mut columns = Columns::default();
    cpu::rate(sample::ROWS, || {
        columns.clear();
        let read = columns.body(std::str::from_utf8(black_box(body.as_bytes()))?);
        ensure!(read.is_some(), "the sample has another shape than its parser");
        black_box(&columns);
        Ok(())
    })
}

/// The collector's context for an ordinary request, with `talkers` without a quota: the same
/// records arrive over and over at one moment, more than a real session could send.
pub(crate) fn context(talkers: &Talkers) -> Context<'_> {
    Context::calm("demo", sample::BEGAN_MS * 1_000, talkers)
}
