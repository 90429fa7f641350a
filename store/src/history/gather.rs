//! Assembles rows of many batches into the columns of a file, in the table's order. A column is
//! gathered when it is written and dropped afterwards; nothing is concatenated first or copied
//! twice.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Builder, RecordBatch, StringArray,
    new_null_array,
};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::error::ArrowError;
use rustc_hash::FxHashMap;
use tallylight_schemas::tables::{Column, Table, found};

/// Most distinct texts of a column that is handed to the writer as a dictionary.
const WORDS: usize = 256;

/// The position of a row: batch, and row in it.
type Position = (usize, usize);

/// The rows of a file.
#[derive(Debug)]
pub(super) struct Gathered {
    batches: Vec<RecordBatch>,
    order: Vec<Position>,
}

impl Gathered {
    /// Batches of any shape that conforms to `table`. Rows with equal sort keys keep their order of
    /// arrival.
    pub(super) fn new(table: Table, batches: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let order = order(table, &batches)?;
        Ok(Self { batches, order })
    }

    pub(super) fn rows(&self) -> usize {
        self.order.len()
    }

    /// The pieces of a column, one from each batch; `None` when no row has a value.
    pub(super) fn pieces(&self, of: &Column) -> Result<Option<Vec<ArrayRef>>, ArrowError> {
        pieces(&self.batches, of)
    }

    /// The values of some rows of a column, from its pieces. Texts with few distinct values come as
    /// a dictionary, which is far less to copy; the file's bytes are the same either way.
    pub(super) fn values(
        &self,
        pieces: &[ArrayRef],
        rows: Range<usize>,
    ) -> Result<ArrayRef, ArrowError> {
        let order = &self.order[rows];
        if let Some(few) = texts(pieces).and_then(|texts| words(&texts, order)) {
            return few;
        }
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        interleave(&pieces, order)
    }
}

/// Nulls are made only for batches that lack a column which others have: most columns of a table
/// are in no batch of a file.
fn pieces(batches: &[RecordBatch], of: &Column) -> Result<Option<Vec<ArrayRef>>, ArrowError> {
    let pieces: Vec<Option<ArrayRef>> =
        batches.iter().map(|batch| found(batch, of)).collect::<Result<_, _>>()?;
    if pieces.iter().flatten().all(|piece| piece.null_count() == piece.len()) {
        return Ok(None);
    }
    let filled = pieces.into_iter().zip(batches).map(|(piece, batch)| {
        piece.unwrap_or_else(|| new_null_array(&of.kind.arrow(), batch.num_rows()))
    });
    Ok(Some(filled.collect()))
}

fn texts(pieces: &[ArrayRef]) -> Option<Vec<&StringArray>> {
    pieces.iter().map(|piece| piece.as_string_opt::<i32>()).collect()
}

/// Numbers texts as they come; neighbours are mostly equal.
#[derive(Debug, Default)]
struct Words<'a> {
    last: Option<(&'a str, i32)>,
    numbers: FxHashMap<&'a str, i32>,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn number(&mut self, word: &'a str) -> i32 {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == word) {
            return number;
        }
        let number = *self.numbers.entry(word).or_insert_with(|| {
            self.words.push(word);
            // There are fewer distinct texts than rows, of which a file holds far less than 2^31.
            i32::try_from(self.words.len() - 1).unwrap_or(i32::MAX)
        });
        self.last = Some((word, number));
        number
    }
}

/// The rows as numbers of their texts; `None` when there are too many distinct ones.
fn words(texts: &[&StringArray], order: &[Position]) -> Option<Result<ArrayRef, ArrowError>> {
    let mut words = Words::default();
    let mut keys = Int32Builder::with_capacity(order.len());
    for (batch, row) in order {
        let texts = texts[*batch];
        if texts.is_null(*row) {
            keys.append_null();
        } else {
            keys.append_value(words.number(texts.value(*row)));
            if words.words.len() > WORDS {
                return None;
            }
        }
    }
    let values = Arc::new(StringArray::from(words.words));
    let rows = DictionaryArray::try_new(keys.finish(), values);
    Some(rows.map(|rows| Arc::new(rows) as ArrayRef))
}

/// The rows in the table's order: by its text columns, then by its time; missing values come first.
fn order(table: Table, batches: &[RecordBatch]) -> Result<Vec<Position>, ArrowError> {
    let positions = batches.iter().enumerate();
    let positions =
        positions.flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)));
    let mut rows: Vec<(u64, Option<i64>, Position)> =
        positions.map(|position| (0, None, position)).collect();
    for column in table.sorted_by().iter().filter_map(|name| table.column(name)) {
        let Some(pieces) = pieces(batches, column)? else { continue };
        match column.kind.arrow() {
            DataType::Utf8 => by_text(&mut rows, &texts(&pieces).unwrap_or_default()),
            _ => by_time(&mut rows, &pieces),
        }
    }
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, _, position)| position).collect())
}

/// Numbers texts by their order, so that sorting rows compares numbers.
fn by_text(rows: &mut [(u64, Option<i64>, Position)], texts: &[&StringArray]) {
    let mut words = Words::default();
    let numbers: Vec<Option<i32>> = rows
        .iter()
        .map(|(_, _, (batch, row))| {
            let texts = texts.get(*batch)?;
            texts.is_valid(*row).then(|| words.number(texts.value(*row)))
        })
        .collect();
    let mut sorted: Vec<usize> = (0..words.words.len()).collect();
    sorted.sort_unstable_by_key(|number| words.words[*number]);
    let mut ranks = vec![0; sorted.len()];
    (1_u64..).zip(sorted).for_each(|(rank, number)| ranks[number] = rank);
    let of_all = ranks.len() as u64 + 1;
    for ((key, _, _), number) in rows.iter_mut().zip(numbers) {
        let rank = number.and_then(|number| ranks.get(usize::try_from(number).ok()?));
        *key = *key * of_all + rank.copied().unwrap_or(0);
    }
}

fn by_time(rows: &mut [(u64, Option<i64>, Position)], pieces: &[ArrayRef]) {
    let times: Vec<_> =
        pieces.iter().map(|piece| piece.as_primitive_opt::<TimestampMicrosecondType>()).collect();
    for (_, time, (batch, row)) in rows {
        *time = times[*batch].filter(|times| times.is_valid(*row)).map(|times| times.value(*row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use arrow::compute::cast;

    fn batch(cids: Vec<Option<&str>>, ts: Vec<Option<i64>>) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] =
            [("cid", Arc::new(StringArray::from(cids))), ("ts", Arc::new(Int64Array::from(ts)))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn gathered(batches: Vec<RecordBatch>) -> Gathered {
        Gathered::new(Table::PlayerEvents, batches).unwrap()
    }

    fn text(rows: &Gathered, name: &str) -> Option<ArrayRef> {
        let of = Table::PlayerEvents.column(name).unwrap();
        let values = rows.values(&rows.pieces(of).unwrap()?, 0..rows.rows()).unwrap();
        Some(cast(&values, &DataType::Utf8).unwrap())
    }

    #[test]
    fn texts_come_first_then_time_and_what_is_equal_stays_as_it_came() {
        let one = batch(vec![Some("b"), Some("a"), None], vec![Some(1), Some(2), Some(9)]);
        let two = batch(vec![Some("b"), Some("a"), Some("a")], vec![None, Some(2), Some(-3)]);
        let rows = gathered(vec![one, two]);
        assert_eq!(rows.order, [(0, 2), (1, 2), (0, 1), (1, 1), (1, 0), (0, 0)]);
        let cids = text(&rows, "cid").unwrap();
        let cids: Vec<Option<&str>> = cids.as_string::<i32>().iter().collect();
        assert_eq!(cids, [None, Some("a"), Some("a"), Some("a"), Some("b"), Some("b")]);
    }

    #[test]
    fn a_column_that_some_batches_lack_is_null_there_and_one_that_all_lack_has_no_pieces() {
        let with = batch(vec![Some("a")], vec![Some(2)]);
        let without = with.project(&[1]).unwrap();
        let rows = gathered(vec![with, without]);
        let cids = text(&rows, "cid").unwrap();
        assert_eq!(cids.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("a")]);
        assert!(text(&rows, "sid").is_none());
    }

    #[test]
    fn few_words_are_numbers_and_many_are_texts() {
        for (words, few) in [(WORDS, true), (WORDS + 1, false)] {
            let cids: Vec<String> = (0..2 * words).map(|n| format!("{:04}", n % words)).collect();
            let cids = cids.iter().map(|cid| Some(cid.as_str())).collect();
            let rows = gathered(vec![batch(cids, vec![Some(0); 2 * words])]);
            let of = Table::PlayerEvents.column("cid").unwrap();
            let values = rows.values(&rows.pieces(of).unwrap().unwrap(), 0..2 * words).unwrap();
            assert_eq!(matches!(values.data_type(), DataType::Dictionary(_, _)), few);
            let texts = text(&rows, "cid").unwrap();
            let all = texts.as_string::<i32>().iter().map(|text| text.unwrap().to_owned());
            assert!(all.eq((0..words).flat_map(|n| vec![format!("{n:04}"); 2])));
        }
    }
}
