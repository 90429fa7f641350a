//! From a body's bytes to Arrow columns.

use std::hint::black_box;

use anyhow::ensure;
use tallylight_collector::decode::{Context, Rows, cmcd};
use tallylight_collector::pure::ladder::Standing;
use tallylight_collector::talkers::Talkers;
use tallylight_schemas::fates::Reason;
use tallylight_schemas::player::About;

use super::light::parse::Columns;
use super::{Measured, cpu, sample};

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let body = sample::lines(sample::ROWS, sample::BEGAN_MS).join("\n");
    // The sample comes at one moment, over and over: no session could send that much.
    let talkers = Talkers::new(0);
    let context = Context {
        tenant: "demo",
        received_at: sample::BEGAN_MS * 1_000,
        max_records: sample::ROWS,
        ring: None,
        trusted: false,
        standing: Standing { pressure: 0, cause: Reason::Overload },
        talkers: &talkers,
        about: About::default(),
        came: None,
    };
    let step = cpu::rate(sample::ROWS, || {
        let mut rows = Rows::new(sample::PARTITIONS);
        black_box(cmcd::body(body.as_bytes(), context, &mut rows));
        ensure!(rows.len() == sample::ROWS, "a record of the sample was refused");
        black_box(rows);
        Ok(())
    })?;
    let mut columns = Columns::default();
    let floor = cpu::rate(sample::ROWS, || {
        columns.clear();
        let read = columns.body(std::str::from_utf8(black_box(body.as_bytes()))?);
        ensure!(read.is_some(), "the sample has another shape than its parser");
        black_box(&columns);
        Ok(())
    })?;
    let what = "a parser that knows the order of the keys, into columns with interned words";
    Ok(vec![Measured::new("decode", step, floor, what)])
}
