//! Windows of a second by title, CDN and country, in a hash map keyed by interned words.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use arrow::array::{Array, AsArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use rustc_hash::FxHashMap;

/// The key of a window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) second: i64,
    pub(super) title: String,
    pub(super) cdn: String,
    pub(super) country: String,
}

/// The figures of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    count: i64,
    kbps: i64,
    buffer_ms: i64,
    latency_ms: i64,
}

impl Sums {
    pub(super) fn add(&mut self, kbps: i64, buffer_ms: i64, latency_ms: i64) {
        self.count += 1;
        self.kbps += kbps;
        self.buffer_ms += buffer_ms;
        self.latency_ms = self.latency_ms.max(latency_ms);
    }
}

/// The windows of a file. The average is the sum of the buffer divided by the count.
pub(super) type Found = BTreeMap<Key, Sums>;

/// The windows as CSV, for comparison with those of other engines.
pub(super) fn csv(found: &Found) -> String {
    let mut out = "second,title,cdn,country,count,kbps,buffer_ms,latency_ms\n".to_owned();
    for (Key { second, title, cdn, country }, sums) in found {
        let Sums { count, kbps, buffer_ms, latency_ms } = sums;
        let numbers = format_args!("{count},{kbps},{buffer_ms},{latency_ms}");
        // Writing to text cannot fail.
        let _ = writeln!(out, "{second},{title},{cdn},{country},{numbers}");
    }
    out
}

/// Windows while they are counted: second, title, CDN and country, words by index.
#[derive(Debug, Default)]
pub(super) struct Windows {
    words: FxHashMap<String, i64>,
    sums: FxHashMap<[i64; 4], Sums>,
}

impl Windows {
    /// Counts the rows of a batch of the log's columns.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let texts = |name| column(batch, name)?.as_string_opt::<i32>().context("text");
        let numbers = |name| column(batch, name)?.as_primitive_opt::<Int64Type>().context("number");
        let (ts, latency, titles) = (numbers("ts")?, numbers("ltc")?, texts("cid")?);
        let (kbps, buffers) = (Firsts::new(batch, "br")?, Firsts::new(batch, "bl")?);
        let custom = Custom::new(batch)?;
        for row in 0..batch.num_rows() {
            let [cdn, country] = custom.of(row, ["com.example-cdn", "com.tallylight-country"]);
            let words = [titles.value(row), cdn, country].map(|word| self.number(word));
            let key = [ts.value(row).div_euclid(1_000), words[0], words[1], words[2]];
            let sums = self.sums.entry(key).or_default();
            sums.add(kbps.of(row), buffers.of(row), latency.value(row));
        }
        Ok(())
    }

    /// Counts rows of columns whose words are already indices: time, title, CDN, country, bitrate,
    /// buffer, latency.
    pub(super) fn add_numbers(&mut self, columns: &[&[i64]; 7]) {
        let [ts, title, cdn, country, kbps, buffer, latency] = columns;
        for row in 0..ts.len() {
            let key = [ts[row].div_euclid(1_000), title[row], cdn[row], country[row]];
            self.sums.entry(key).or_default().add(kbps[row], buffer[row], latency[row]);
        }
    }

    fn number(&mut self, word: &str) -> i64 {
        if let Some(number) = self.words.get(word) {
            return *number;
        }
        let number = self.words.len() as i64;
        self.words.insert(word.to_owned(), number);
        number
    }

    /// The windows with their words.
    pub(super) fn finish(self) -> Found {
        let words: FxHashMap<i64, String> =
            self.words.iter().map(|(word, number)| (*number, word.clone())).collect();
        self.finish_by(|number| words.get(&number).cloned().unwrap_or_default())
    }

    /// The windows; `word` gives the word of an index.
    pub(super) fn finish_by(self, word: impl Fn(i64) -> String) -> Found {
        let key = |[second, title, cdn, country]: [i64; 4]| Key {
            second,
            title: word(title),
            cdn: word(cdn),
            country: word(country),
        };
        self.sums.into_iter().map(|(numbers, sums)| (key(numbers), sums)).collect()
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> anyhow::Result<&'a dyn Array> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    Ok(column.as_ref())
}

/// The first number of each row's list.
struct Firsts<'a> {
    lists: &'a ListArray,
    values: &'a Int64Array,
}

impl<'a> Firsts<'a> {
    fn new(batch: &'a RecordBatch, name: &str) -> anyhow::Result<Self> {
        let lists = column(batch, name)?.as_list_opt::<i32>().context("a list")?;
        let pairs = lists.values().as_struct_opt().context("a list of pairs")?;
        let values = pairs.column_by_name("v").and_then(|v| v.as_primitive_opt::<Int64Type>());
        Ok(Self { lists, values: values.context("numbers")? })
    }

    fn of(&self, row: usize) -> i64 {
        let first = self.lists.value_offsets()[row] as usize;
        self.values.value(first)
    }
}

/// The custom keys of each row.
struct Custom<'a> {
    lists: &'a ListArray,
    names: &'a StringArray,
    values: &'a StringArray,
}

impl<'a> Custom<'a> {
    fn new(batch: &'a RecordBatch) -> anyhow::Result<Self> {
        let lists = column(batch, "custom")?.as_list_opt::<i32>().context("a list")?;
        let pairs = lists.values().as_struct_opt().context("a list of pairs")?;
        let texts = |name| pairs.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (names, values) = texts("k").zip(texts("v")).context("text")?;
        Ok(Self { lists, names, values })
    }

    fn of(&self, row: usize, names: [&str; 2]) -> [&'a str; 2] {
        let ends = self.lists.value_offsets();
        let mut found = [""; 2];
        for at in ends[row] as usize..ends[row + 1] as usize {
            if let Some(slot) = names.iter().position(|name| *name == self.names.value(at)) {
                found[slot] = self.values.value(at);
            }
        }
        found
    }
}
