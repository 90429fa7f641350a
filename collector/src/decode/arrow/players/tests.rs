use std::sync::Arc;

use arrow::array::{
    Float32Array, Int8Array, LargeStringArray, ListBuilder, StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Field;
use proptest::prelude::*;
use tallylight_schemas::cmcd::json::{parse_event, to_json};

use super::super::columns::{check, event};
use super::*;

/// Columns of every type, in no particular order, with the odd values of each.
fn batch(texts: [Option<String>; 3], numbers: [Option<i64>; 3], decimal: f64) -> RecordBatch {
    let of = |texts: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let word = |at: usize| texts[at].as_deref();
    let ids = Arc::new(StringArray::from(vec![Some("a"), word(0), Some("c")]));
    let small = numbers.map(|number| number.map(|number| number as i8)).to_vec();
    let huge = numbers.map(|number| number.map(|number| number as u64)).to_vec();
    let mut errors = ListBuilder::new(StringBuilder::new());
    for at in 0..3 {
        texts.iter().take(at).for_each(|text| errors.values().append_option(text.as_ref()));
        errors.append(at != 1 || word(1).is_some());
    }
    let pairs = StructArray::new(
        vec![Field::new("ot", DataType::Utf8, true), Field::new("v", DataType::Int64, true)].into(),
        vec![of([Some("v"), None, word(2)]), Arc::new(Int64Array::from(numbers.to_vec()))],
        Some(NullBuffer::from(vec![true, word(0).is_some(), true])),
    );
    let item = Arc::new(Field::new("item", pairs.data_type().clone(), true));
    let rates = ListArray::new(item, OffsetBuffer::from_lengths([1, 0, 2]), Arc::new(pairs), None);
    RecordBatch::try_from_iter_with_nullable([
        ("ts", Arc::new(Int64Array::from(vec![1_795_000_000_000; 3])) as ArrayRef, true),
        ("org.example-x", of([word(0), Some("red"), word(1)]), true),
        ("type", Arc::new(LargeStringArray::from(vec!["player"; 3])), true),
        ("sn", Arc::new(UInt64Array::from(huge)), true),
        ("sid", ids, true),
        ("e", of([Some("ps"), word(1), Some("t")]), true),
        ("sta", of([Some("p"), word(2), word(0)]), true),
        ("bl", Arc::new(Int8Array::from(small)), true),
        ("pr", Arc::new(Float32Array::from(vec![1.5, decimal as f32, 0.0])), true),
        ("bg", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), true),
        ("ec", Arc::new(errors.finish()), true),
        ("br", Arc::new(rates), true),
        ("source", of([None, word(0), None]), true),
        ("nor", of([Some("../x?a=1"), word(1), None]), true),
    ])
    .unwrap()
}

fn texts() -> impl Strategy<Value = [Option<String>; 3]> {
    let text = prop_oneof!["[a-z]{0,9}", "[ -~é\n]{0,80}", "x{9000}"];
    prop::array::uniform3(prop::option::of(text))
}

/// JSON's reader is slightly off for most others.
fn decimals() -> impl Strategy<Value = f64> {
    let eighths = (-9_000..9_000_i32).prop_map(|number| f64::from(number) / 8.0);
    prop_oneof![eighths, Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)]
}

proptest! {
    #[test]
    fn a_row_is_what_it_is_as_json(
        texts in texts(),
        numbers in prop::array::uniform3(prop::option::of(any::<i64>())),
        decimal in decimals(),
    ) {
        let batch = batch(texts, numbers, decimal);
        check(&batch.schema()).unwrap();
        let players = Players::new(&batch).unwrap();
        let (mut direct, mut sent) = (Record::default(), Vec::new());
        for row in 0..3 {
            let Some(read) = players.read(row, &mut direct, &mut sent) else { continue };
            let text = event(&batch, row).unwrap();
            let mut by_text = Record::default();
            let expected = parse_event(&text, &mut by_text).map(|player| assert!(player));
            prop_assert_eq!(read, expected, "{}", text);
            prop_assert_eq!(to_json(&direct), to_json(&by_text), "{}", text);
            let lost = |record: &Record<'_>| (record.dropped_values(), record.dropped_keys());
            prop_assert_eq!(lost(&direct), lost(&by_text), "{}", text);
            prop_assert_eq!(direct.examples(), by_text.examples(), "{}", text);
        }
    }
}

#[test]
fn a_digest_is_of_what_was_sent_and_not_of_columns() {
    let texts = || [Some("a".to_owned()), None, Some("b".to_owned())];
    let digests = |batch: &RecordBatch| {
        let players = Players::new(batch).unwrap();
        let (mut record, mut sent) = (Record::default(), Vec::new());
        let mut digest = |row| {
            players.read(row, &mut record, &mut sent).unwrap().unwrap();
            record.digest()
        };
        [digest(0), digest(2)]
    };
    let one = batch(texts(), [Some(1), None, Some(3)], 1.0);
    let turned: Vec<usize> = (0..one.num_columns()).rev().collect();
    let [first, last] = digests(&one);
    assert_ne!(first, last);
    assert_eq!(digests(&one.project(&turned).unwrap()), [first, last]);
    let other = batch(texts(), [Some(2), None, Some(3)], 1.0);
    assert_ne!(digests(&other)[0], first);
}
