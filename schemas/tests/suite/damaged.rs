//! Stored bytes of which one is another: an error or other values, and neither a panic nor memory for
//! what is not there.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use tallylight_schemas::ipc::{decode, encode, to_batch};

use crate::samples::{deliveries, player_batch};

/// More rows than are stored without compression.
fn repeated(batch: &RecordBatch) -> RecordBatch {
    concat_batches(&batch.schema(), std::iter::repeat_n(batch, 10)).unwrap()
}

#[test]
fn whichever_byte_is_another_the_reader_lives() {
    for batch in [player_batch(), to_batch(&deliveries()).unwrap()] {
        let batch = repeated(&batch);
        let whole = encode(&batch).unwrap();
        assert_eq!(decode(&whole).unwrap(), batch);
        let (mut tried, mut refused) = (0, 0);
        // Lengths stand at multiples of 4: all of their bytes are met.
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
