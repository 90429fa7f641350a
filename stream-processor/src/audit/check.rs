//! Checks an hour of every table. An hour can have any number of rows: if they are many it is
//! checked a piece at a time, and no more of the log is read than the piece needs.

use std::ops::Range;

use arrow::array::RecordBatch;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{HistoryError, hour_name};
use tokio::time::Instant;

use super::contested::Sides;
use super::difference::{Difference, quiet_us};
use super::expect::{self, Sums};
use super::facts::{files_since, moment};
use super::lateness::Lateness;
use super::reading::{Reading, count};
use super::replay::Ends;
use super::{Audit, CHECKED, HOUR_US, Report, WIDEST_PANE_US, compare};
use crate::pure::watermark::HORIZON_MS;

/// A table in an hour that is checked.
struct Checked<'a> {
    table: Table,
    /// The part of the hour that is final.
    range: Range<i64>,
    /// What arrived late and is repaired, and all that arrived late.
    lateness: [&'a Difference; 2],
    /// Rows of wider panes as they should be: as counted with what is repaired, and with all.
    sums: Option<[Sums; 2]>,
    report: Report,
}

impl Checked<'_> {
    fn is_of_sessions(&self) -> bool {
        matches!(self.table, Table::Sessions | Table::SessionSpans)
    }

    /// The range to be compared once `piece` was replayed, and the rows as they should be, both
    /// ways.
    fn should(
        &mut self,
        piece: &Range<i64>,
        ends: &Ends,
    ) -> Result<(Range<i64>, [RecordBatch; 2]), HistoryError> {
        let part = piece.start.max(self.range.start)..piece.end.min(self.range.end);
        let (table, lateness) = (self.table, self.lateness);
        let Some(sums) = &mut self.sums else {
            let [counted, truth] = lateness.map(|with| expect::rows(table, ends, with, &part));
            return Ok((part, [counted?, truth?]));
        };
        let width = table.rolled().map_or(1, |(_, width_s)| i64::from(width_s) * 1_000_000);
        let whole = |us: i64| us.div_euclid(width) * width;
        let range = whole(piece.start).max(self.range.start)..whole(piece.end).min(self.range.end);
        let [counted, truth] = sums;
        let [is, would] = lateness;
        let of = |sums: &mut Sums, with| {
            sums.add(ends, with, &part);
            sums.take(table, range.end)
        };
        let rows = [of(counted, is)?, of(truth, would)?];
        Ok((range, rows))
    }
}

impl Audit {
    /// Checks one hour of event time, after those before it. Of an hour that is not over, or not
    /// settled at `known` (log time of which everything is in history, Unix µs), it checks the
    /// part that is: panes until their horizon, sessions and spans until nothing can follow. Rows
    /// before the hours that have `expired`, one for each table in [`CHECKED`], are not compared.
    pub(super) async fn check(
        &mut self,
        hour: i64,
        known: i64,
        (lateness, expired): (&Lateness, &[i64; CHECKED.len()]),
    ) -> Result<Vec<Report>, HistoryError> {
        let (start, end) = (hour * HOUR_US, (hour + 1) * HOUR_US);
        let settled = self.settled_at(hour).min(known);
        let mut all = Vec::new();
        let tables = CHECKED.into_iter().zip(expired);
        for ((table, expired), repaired) in tables.zip(lateness.repaired()) {
            let range = self.range(table, (hour, *expired), settled);
            let name = table.name().to_owned();
            let report = Report { table: name, hour: hour_name(hour), ..Report::default() };
            let (lateness, sums) = ([repaired, lateness.all()], Sums::both(table));
            all.push(Checked { table, range, lateness, sums, report });
        }
        let pieces = self.pieces(&(start..end), &all).await?;
        for piece in &pieces {
            let final_at = (piece.end + HORIZON_MS * 1_000).min(settled);
            self.reading.go_on(final_at, (piece.start, start)).await?;
            for one in all.iter_mut().filter(|one| !one.is_of_sessions()) {
                let began = Instant::now();
                self.check_piece(one, piece, self.reading.ends()).await?;
                self.reading.rest(began).await;
            }
        }
        // Sessions are settled a quarter of an hour later. A copy reads on to there, as it does not
        // need the panes of that time, which this reading has to keep for the next hour.
        let mut ahead: Reading = self.reading.clone();
        ahead.go_on(settled, (i64::MAX, start)).await?;
        for piece in &pieces {
            for one in all.iter_mut().filter(|one| one.is_of_sessions()) {
                let began = Instant::now();
                self.check_piece(one, piece, ahead.ends()).await?;
                self.reading.rest(began).await;
            }
        }
        self.reading.forget(end, end);
        Ok(all.into_iter().map(|one| one.report).collect())
    }

    /// Compares the rows of a table in `piece`.
    async fn check_piece(
        &self,
        one: &mut Checked<'_>,
        piece: &Range<i64>,
        ends: &Ends,
    ) -> Result<(), HistoryError> {
        let (range, [counted, truth]) = one.should(piece, ends)?;
        if range.is_empty() {
            return Ok(());
        }
        let table = one.table;
        let kept = self.kept(table, &range).await?;
        let (counted, truth) = (self.unknown.leave_out(counted)?, self.unknown.leave_out(truth)?);
        let sides = Sides::new(table, &kept, counted, truth)?;
        let sides = sides.by_pane_where_contested(table)?;
        compare::compare(table, &sides, &mut one.report)?;
        Ok(())
    }

    /// Divides an hour by its number of rows. There are about as many facts as sessions, spans and
    /// panes of delivery; there can be far more panes of players.
    async fn pieces(
        &self,
        hour: &Range<i64>,
        all: &[Checked<'_>],
    ) -> Result<Vec<Range<i64>>, HistoryError> {
        let mut most = self.reading.count(hour).await?;
        for one in all.iter().filter(|one| one.table == Table::Playback) {
            let rows = count(&self.history, one.table, &condition(one.table, &one.range)).await?;
            most = most.max(rows);
        }
        Ok(pieces(hour, most / self.rows_at_once + 1))
    }

    /// The part of an hour in which nothing of a table can change any more, as facts before
    /// `settled` are all known: whole panes of it.
    fn range(&self, table: Table, (hour, expired): (i64, i64), settled: i64) -> Range<i64> {
        let open = match table.kin() {
            Table::Playback | Table::Delivery => HORIZON_MS * 1_000,
            _ => quiet_us(&self.limits),
        };
        let end = (settled - open).div_euclid(WIDEST_PANE_US) * WIDEST_PANE_US;
        let mut range = hour * HOUR_US..end.min((hour + 1) * HOUR_US);
        if table.kin() == Table::Playback {
            range.start = self.unknown.panes_from(range.start).min(range.end);
        }
        // Tables expire at different ages: rows that the caps removed are not missing.
        range.start = range.start.max(expired * HOUR_US);
        if let Some((_, width_s)) = table.rolled() {
            let width = i64::from(width_s) * 1_000_000;
            range.start = (range.start + width - 1).div_euclid(width) * width;
            range.end = range.end.div_euclid(width) * width;
        }
        range
    }

    /// The rows in history.
    async fn kept(
        &self,
        table: Table,
        range: &Range<i64>,
    ) -> Result<Vec<RecordBatch>, HistoryError> {
        let sql = format!("SELECT * FROM rows WHERE {}", condition(table, range));
        let mut kept = self.history.select(table, &sql).await?;
        if table.rolled().is_some() {
            return Ok(vec![expect::joined(table, &kept)?]);
        }
        if self.shards > 1 {
            kept = expect::summed(table, kept)?;
        }
        kept.into_iter().map(|rows| self.unknown.leave_out(rows)).collect()
    }
}

/// Selects final rows of a table in a range of event time.
fn condition(table: Table, range: &Range<i64>) -> String {
    let column = match table.kin() {
        Table::Playback | Table::Delivery => "pane",
        Table::Sessions => "ended_at",
        _ => "\"to\"",
    };
    let (from, to) = (moment(range.start), moment(range.end));
    // No row is written before its time.
    let files = files_since(range.start);
    format!("final AND {files} AND {column} >= {from} AND {column} < {to}")
}

/// Divides a range into about this many pieces of whole panes.
fn pieces(range: &Range<i64>, many: i64) -> Vec<Range<i64>> {
    let step = ((range.end - range.start) / many.max(1)).max(1);
    let step = (step + WIDEST_PANE_US - 1).div_euclid(WIDEST_PANE_US) * WIDEST_PANE_US;
    let (mut from, mut all) = (range.start, Vec::new());
    while from < range.end {
        let to = range.end.min(from + step);
        all.push(from..to);
        from = to;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{HOUR_US, pieces};

    #[test]
    fn an_hour_is_in_one_piece_or_in_pieces_of_whole_panes() {
        let hour = 7 * HOUR_US..8 * HOUR_US;
        assert_eq!(pieces(&hour, 1), std::slice::from_ref(&hour));
        for (many, are) in [(2, 2), (7, 7), (359, 180), (360, 360), (100_000_000_000, 360)] {
            let all = pieces(&hour, many);
            assert_eq!(all.len(), are, "{many}");
            assert!(all.iter().all(|piece| piece.start % 10_000_000 == 0 && !piece.is_empty()));
            assert!(all.windows(2).all(|two| two[0].end == two[1].start));
            assert_eq!((all[0].start, all[are - 1].end), (hour.start, hour.end));
        }
    }
}
