//! The rows of a table's files.

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::HistoryError;
use super::file::failed;

/// The rows of files, each batch in the shape that `shaped` gives it.
pub(super) fn read_all(
    dir: &Path,
    paths: &[String],
    shaped: impl Fn(&RecordBatch) -> Result<RecordBatch, ArrowError>,
) -> Result<Vec<RecordBatch>, HistoryError> {
    Ok(read_within(usize::MAX, dir, paths, shaped)?.1)
}

/// The same of the first files, as many as take at most `room` bytes of memory together, and their
/// number. Text that repeats takes many times what it does in a file.
pub(super) fn read_within(
    room: usize,
    dir: &Path,
    paths: &[String],
    shaped: impl Fn(&RecordBatch) -> Result<RecordBatch, ArrowError>,
) -> Result<(usize, Vec<RecordBatch>), HistoryError> {
    let (mut batches, mut taken) = (Vec::new(), 0_usize);
    for (before, path) in paths.iter().enumerate() {
        let whole = batches.len();
        let path = dir.join(path);
        // The whole file is read first: any later error of the reader is about the file's content,
        // not the disk.
        let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .map_err(|error| damaged(&path, &error))?;
        for batch in reader {
            let batch = shaped(&batch.map_err(|error| damaged(&path, &error))?)?;
            taken = taken.saturating_add(batch.get_array_memory_size());
            if taken > room {
                batches.truncate(whole);
                return Ok((before, batches));
            }
            batches.push(batch);
        }
    }
    Ok((paths.len(), batches))
}

fn damaged(path: &Path, error: &impl std::fmt::Display) -> HistoryError {
    HistoryError::Data(format!("{}: {error}; put a good copy of it there", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn only_as_many_files_are_read_as_fit_into_memory() {
        let dir = tempfile::tempdir().unwrap();
        // A file has next to nothing of a text that repeats.
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000); 5_000]));
        let rows = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let names = ["a.parquet", "b.parquet", "c.parquet"].map(str::to_owned);
        for name in &names {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
            writer.write(&rows).unwrap();
            writer.close().unwrap();
        }
        let read = |room: usize| {
            let read = read_within(room, dir.path(), &names, |batch| Ok(batch.clone())).unwrap();
            (read.0, read.1.iter().map(RecordBatch::num_rows).sum::<usize>())
        };
        assert_eq!(read(4 << 20), (0, 0));
        assert_eq!(read(usize::MAX), (3, 15_000));
        let one = read_within(usize::MAX, dir.path(), &names[..1], |batch| Ok(batch.clone()));
        let one: usize = one.unwrap().1.iter().map(RecordBatch::get_array_memory_size).sum();
        assert_eq!(read(one * 5 / 2), (2, 10_000));
    }

    fn error(name: &str, dir: &Path) -> HistoryError {
        read_all(dir, &[name.to_owned()], |batch| Ok(batch.clone())).unwrap_err()
    }

    #[test]
    fn only_a_file_that_is_wrong_is_damaged_not_one_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("wrong.parquet"), b"PAR1 and no more").unwrap();
        // It opens like a file, and every read of it fails.
        fs::create_dir(dir.path().join("folder.parquet")).unwrap();
        for name in ["folder.parquet", "missing.parquet"] {
            let reported = error(name, dir.path());
            assert!(matches!(reported, HistoryError::Unavailable(_)), "{reported}");
        }
        let reported = error("wrong.parquet", dir.path());
        assert!(matches!(reported, HistoryError::Data(_)), "{reported}");
    }
}
