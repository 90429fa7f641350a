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
    let mut batches = Vec::new();
    for path in paths {
        let path = dir.join(path);
        // The whole file is read first: any later error of the reader is about the file's content,
        // not the disk.
        let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .map_err(|error| damaged(&path, &error))?;
        for batch in reader {
            let batch = batch.map_err(|error| damaged(&path, &error))?;
            batches.push(shaped(&batch)?);
        }
    }
    Ok(batches)
}

fn damaged(path: &Path, error: &impl std::fmt::Display) -> HistoryError {
    HistoryError::Data(format!("{}: {error}; put a good copy of it there", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
