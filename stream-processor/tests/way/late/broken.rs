//! A row that does not follow from the log.

use super::*;

/// Adds a millisecond to the first pane with playing time.
#[derive(Default)]
struct Broken(bool);

impl Repair for Broken {
    fn concerns(&self, _: Option<(i64, i64)>) -> bool {
        !self.0
    }

    fn edit(&mut self, rows: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError> {
        let at = rows.schema().index_of("playing_ms").unwrap();
        let values = rows.column(at).as_primitive::<Int64Type>();
        let Some(first) = (0..rows.num_rows()).find(|row| values.value(*row) > 0) else {
            return Ok(None);
        };
        if std::mem::replace(&mut self.0, true) {
            return Ok(None);
        }
        let broken: Int64Array = (0..values.len())
            .map(|row| Some(values.value(row) + i64::from(row == first)))
            .collect();
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(broken);
        Ok(Some(RecordBatch::try_new(rows.schema(), columns)?))
    }

    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
        Ok(BTreeMap::new())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_row_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(8, 6, |_| 0), None).await;
    let found = audit(&life.history, known).await;
    assert_eq!((found.drift, found.late), (0, 0));
    life.history.repair(Table::Playback, (0, 1), &mut Broken::default()).await.unwrap();
    let found = audit(&life.history, known).await;
    let drifting: Vec<&Report> = found.reports.iter().filter(|report| report.drift > 0).collect();
    assert_eq!((drifting.len(), drifting[0].drift, drifting[0].table.as_str()), (1, 1, "playback"));
    let named = &drifting[0].drifting[0];
    assert!(named.contains("tenant=demo pane=") && named.contains(": playing_ms is "), "{named}");
    life.stop().await;
}
