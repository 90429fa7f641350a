//! From a body's bytes to Arrow columns.

use std::hint::black_box;

use anyhow::anyhow;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::player::{Door, PlayerBatchBuilder};

use super::{Measured, rate, sample};

const ROWS: usize = 2_048;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let lines = sample::lines(ROWS);
    let body = lines.join("\n");
    let step = rate(ROWS, || {
        let mut builder = PlayerBatchBuilder::new();
        let door = Door {
            tenant: "demo",
            mode: Mode::Event,
            source: "cmcd",
            received_at: 1_795_000_000_000_000,
            player: "",
        };
        for line in body.split('\n') {
            let record = cmcd::parse(line, Mode::Event).map_err(|r| anyhow!("{}", r.as_str()))?;
            builder.push(&door, &record);
        }
        black_box(builder.finish()?);
        Ok(())
    })?;
    let floor = rate(ROWS, || {
        let text = std::str::from_utf8(black_box(body.as_bytes()))?;
        let marks = text.bytes().filter(|b| matches!(b, b',' | b'=' | b'"' | b'\n')).count();
        black_box((marks, text.to_owned()));
        Ok(())
    })?;
    let what = "UTF-8 check, find every separator, copy the bytes once";
    Ok(vec![Measured::new("decode", step, floor, what)])
}
