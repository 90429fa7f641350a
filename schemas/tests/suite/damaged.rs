//! Stored bytes with one byte changed: the reader returns an error or other values, without a panic
//! and without allocating memory for data that is not there.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use tallylight_schemas::ipc::{decode, encode, to_batch};

use crate::samples::{deliveries, player_batch};

/// Enough rows to be stored with compression.
fn repeated(batch: &RecordBatch) -> RecordBatch {
    concat_batches(&batch.schema(), std::iter::repeat_n(batch, 10)).unwrap()
}

#[test]
fn the_reader_survives_any_changed_byte() {
    for batch in [player_batch(), to_batch(&deliveries()).unwrap()] {
        let batch = repeated(&batch);
        let whole = encode(&batch).unwrap();
        assert_eq!(decode(&whole).unwrap(), batch);
        let (mut tried, mut refused) = (0, 0);
        // Lengths are at multiples of 4, so a step of 5 reaches each of their bytes.
        for place in (0..whole.len()).step_by(5) {
            for other in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = other;
                tried += usize::from(bytes != whole);
                refused += usize::from(decode(&bytes).is_err());
            }
        }
        assert!(refused * 2 > tried, "{refused} of {tried}");
    }
}
