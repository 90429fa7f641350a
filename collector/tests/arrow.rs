//! Events as an Arrow IPC stream: valid rows are stored, errors are named, and the cost of a
//! stream, however hostile, is bounded by its size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, LargeStringArray,
    ListArray, RecordBatch, StringArray, StructArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use proptest::prelude::*;
use tallylight_collector::decode::arrow::{self as decoder, batches, events};
use tallylight_collector::decode::{Context, Rows};
use tallylight_collector::talkers::Talkers;
use tallylight_schemas::ipc::{STREAM_MEDIA_TYPE, TenantDelivery, decode, decode_all, frames};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts};

fn stream_with(options: IpcWriteOptions, all: &[RecordBatch]) -> Vec<u8> {
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &all[0].schema(), options).unwrap();
    all.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn stream(all: &[RecordBatch]) -> Vec<u8> {
    stream_with(IpcWriteOptions::default(), all)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c, true)))
        .unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// An event of a player, one of an edge, and one that is neither.
fn three() -> RecordBatch {
    let (player, edge) = (Some("viewer"), None);
    let rates = StructArray::from(vec![
        (
            Arc::new(Field::new("v", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![600])) as ArrayRef,
        ),
        (Arc::new(Field::new("ot", DataType::Utf8, true)), texts(&[Some("v")])),
    ]);
    let item = Arc::new(Field::new("item", rates.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 0, 0]);
    let br = ListArray::new(item, offsets, Arc::new(rates), None);
    batch(vec![
        ("type", texts(&[Some("player"), Some("delivery"), Some("poem")])),
        ("sid", Arc::new(LargeStringArray::from(vec![player, edge, edge]))),
        ("e", texts(&[Some("ps"), None, None])),
        ("sta", texts(&[Some("p"), None, None])),
        ("ts", Arc::new(Int64Array::from(vec![NOW / 1_000, NOW, 0]))),
        ("sn", Arc::new(Int32Array::from(vec![Some(7), None, None]))),
        ("bg", Arc::new(BooleanArray::from(vec![Some(true), None, None]))),
        ("pr", Arc::new(Float64Array::from(vec![Some(1.5), None, None]))),
        ("br", Arc::new(br)),
        (
            "bl",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
                Some(vec![Some(1_200)]),
                None,
                None,
            ])),
        ),
        ("org.example-team", texts(&[Some("red"), None, None])),
        ("source", texts(&[None, Some("edge-x"), None])),
        ("boot", Arc::new(UInt64Array::from(vec![None, Some(u64::MAX), None]))),
        ("seq", Arc::new(UInt64Array::from(vec![None, Some(1), None]))),
        ("service", texts(&[None, Some("edge"), None])),
        ("action", texts(&[None, Some("get"), None])),
        ("stream", texts(&[None, Some("demo"), None])),
        ("status", Arc::new(Int32Array::from(vec![None, Some(200), None]))),
        ("bytes", Arc::new(Int64Array::from(vec![None, Some(10), None]))),
    ])
}

#[tokio::test]
async fn valid_rows_are_stored_and_only_the_bad_row_is_rejected() {
    let world = World::start().await;
    let answer = world.post("/v1/events", STREAM_MEDIA_TYPE, stream(&[three(), three()])).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("tallylight-fates"), "accepted=4, rejected;bad_shape=2");
    let entries = world.log.entries().await;
    let players = decode(&parts(&entries, Kind::Player)[0].payload).unwrap();
    let rows = PlayerRows::new(&players).unwrap();
    let row = rows.get(0);
    assert_eq!((row.sid, row.sn, row.ts), ("viewer", Some(7), Some(NOW / 1_000)));
    assert_eq!(players.num_rows(), 2);
    for column in ["br", "bl", "bg", "pr"] {
        assert_eq!(players.column_by_name(column).unwrap().null_count(), 0, "{column}");
    }
    let stored: Vec<TenantDelivery> =
        decode_all(&parts(&entries, Kind::Delivery)[0].payload).unwrap();
    let event = &stored[0].event;
    assert_eq!((event.source.as_str(), event.boot, event.status), ("edge-x", u64::MAX, 200));
}

#[tokio::test]
async fn the_error_in_a_stream_is_named() {
    let world = World::start().await;
    let kind = || ("type", texts(&[Some("player")]));
    let text = || texts(&[Some("a")]);
    let dictionary: ArrayRef = Arc::new(
        [Some("a")]
            .into_iter()
            .collect::<arrow::array::DictionaryArray<arrow::datatypes::Int32Type>>(),
    );
    let lz4 =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let good = stream(&[three()]);
    for (body, message) in [
        (stream(&[batch(vec![("sid", text())])]), "no column `type`"),
        (stream(&[batch(vec![kind(), ("bl", text())])]), "column `bl` is Utf8; send an integer"),
        (stream(&[batch(vec![kind(), ("nonsense", text())])]), "column `nonsense` is not known"),
        (stream(&[batch(vec![kind(), ("sid", dictionary)])]), "dictionary-encoded"),
        (
            stream(&[batch(vec![kind(), ("sid", Arc::new(arrow::array::NullArray::new(1)))])]),
            "Null",
        ),
        (stream_with(lz4, &[three()]), "compress the body instead"),
        (good[..good.len() / 2].to_vec(), "breaks off"),
        ([good.as_slice(), b"more"].concat(), "something follows"),
        (b"ARROW1\0\0".to_vec(), "not a file"),
        (b"[]".to_vec(), "FF FF FF FF"),
    ] {
        let answer = world.post("/v1/events", STREAM_MEDIA_TYPE, body).await;
        answer.check();
        assert_eq!(answer.status, 400, "{message}: {answer:?}");
        assert!(answer.body.contains(message), "{message}: {answer:?}");
    }
    assert!(world.log.entries().await.is_empty());
}

#[tokio::test]
async fn long_values_and_too_many_rows_are_rejected_one_by_one() {
    let settings = tallylight_collector::Settings { request_records: 2, ..Default::default() };
    let world = World::with(settings).await;
    let long = "x".repeat(20_000);
    let row = batch(vec![
        ("type", texts(&[Some("player"); 3])),
        ("sid", texts(&[Some("a"), Some("b"), Some("c")])),
        ("e", texts(&[Some("t"); 3])),
        ("ts", Arc::new(Int64Array::from(vec![NOW / 1_000; 3]))),
        ("url", texts(&[None, Some(&long), None])),
    ]);
    let answer = world.post("/v1/events", STREAM_MEDIA_TYPE, stream(&[row])).await;
    let fates = "accepted=1, rejected;too_long=1, rejected;too_many=1";
    assert_eq!(answer.header("tallylight-fates"), fates);
}

/// Streams at which the reader of arrow-rs panics, found by `make fuzz` or by reading it.
#[test]
fn streams_at_which_the_reader_panics_are_refused() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/found/arrow");
    let mut files = 0;
    for file in std::fs::read_dir(found).unwrap() {
        let path = file.unwrap().path();
        assert!(batches(&std::fs::read(&path).unwrap()).is_err(), "{path:?}");
        files += 1;
    }
    assert!(files > 0);
}

#[test]
fn stated_lengths_are_not_believed() {
    // A message that claims 2 GiB and has no body.
    assert!(batches(&[[0xff; 4], i32::MAX.to_le_bytes()].concat()).is_err());
    // Every 8 bytes of a valid stream overwritten in turn: body, buffer and row counts become huge.
    let good = stream(&[three()]);
    for huge in [i64::MAX, i64::MAX / 8, 1 << 40, 1 << 33, -1, i64::MIN] {
        for at in (0..good.len() - 8).step_by(4) {
            let mut body = good.clone();
            body[at..at + 8].copy_from_slice(&huge.to_le_bytes());
            if let Ok(read) = batches(&body) {
                assert!(events(&read) <= body.len() * 8);
            }
        }
    }
}

/// The positions of a batch's buffers, as the stream states them.
fn buffers(stream: &[u8]) -> Vec<[u8; 16]> {
    let (_schema, rest) = frames::next(stream).unwrap().unwrap();
    let (frame, _) = frames::next(rest).unwrap().unwrap();
    let batch = frame.message.header_as_record_batch().unwrap();
    let bytes = |offset: i64, length: i64| {
        [offset.to_le_bytes(), length.to_le_bytes()].concat().try_into().unwrap()
    };
    batch.buffers().unwrap().iter().map(|buffer| bytes(buffer.offset(), buffer.length())).collect()
}

#[test]
fn columns_that_share_a_buffer_are_refused() {
    let numbers = |from| Arc::new(Int64Array::from_iter_values(from..from + 9)) as ArrayRef;
    let kinds = texts(&[Some("player"); 9]);
    let mut shared =
        stream(&[batch(vec![("type", kinds), ("bl", numbers(1)), ("mtp", numbers(2))])]);
    assert_eq!(events(&batches(&shared).unwrap()), 9);
    let all = buffers(&shared);
    let (first, second) = (all[all.len() - 3], all[all.len() - 1]);
    let at = shared.windows(16).position(|bytes| bytes == second).unwrap();
    shared[at..at + 16].copy_from_slice(&first);
    assert!(batches(&shared).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_mutated_stream_never_panics(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut body = stream(&[three()]);
        for (at, byte) in hits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        read_all(&body);
    }
}

/// Every row has a fate.
fn read_all(body: &[u8]) {
    let Ok(read) = batches(body) else { return };
    let talkers = Talkers::new(0);
    let calm = Context::calm("demo", NOW, &talkers);
    let context = Context { max_records: 1_000, trusted: true, ..calm };
    let tally = decoder::body(&read, context, &mut Rows::new(4));
    assert_eq!(tally.records(), events(&read) as u64);
}
