//! Reading panes from `session_spans`.

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{hour_name, hour_of};

use super::cuboid::{Cuboid, MEASURES, Names, Piece, Range, Reach};
use super::question::Key;
use super::reach;
use super::registry::Failed;
use crate::App;
use crate::sql::Format;

const SPANS: &str = "session_spans";
/// Most cells that one reading may return.
const MOST_READ: usize = 5_000;
/// Columns that a condition cannot name, because they change while a span continues.
const CHANGING: [&str; 6] = ["tenant", "from", "to", "final", "open", "hour"];

/// Refuses text that is not a condition. Text that passes is a single condition on the columns of a
/// span, complete within brackets, so it is safe to put into a query.
pub(super) async fn check(app: &App, key: &Key) -> Result<(), Failed> {
    if key.condition.is_empty() {
        return Ok(());
    }
    let schema = Table::SessionSpans.schema();
    let fields = schema.fields().iter().enumerate();
    let kept = fields.filter(|(_, field)| !CHANGING.contains(&field.name().as_str()));
    let kept: Vec<usize> = kept.map(|(at, _)| at).collect();
    let schema = schema.project(&kept).map_err(unreadable)?;
    app.sql.condition(SPANS, Arc::new(schema), &key.condition).await?;
    Ok(())
}

/// Reads the panes of a cuboid up to the newest complete one; settled panes are kept.
pub(super) async fn bring_up_to(app: &App, key: &Key, cuboid: &mut Cuboid) -> Result<(), Failed> {
    let Some(history) = &app.history else {
        return Err(Failed::Unavailable("this dashboard has no history to read it from".into()));
    };
    let width_us = i64::from(key.width_s) * 1_000_000;
    // One at a time: each takes some of the processor's time, and analysts' queries need permits
    // too.
    let _turn = app.series.turn().await;
    let began = Instant::now();
    let Reach { log_time, settled, mut partial } = reach(app)?;
    let range = cuboid.range(log_time.div_euclid(width_us));
    let answer = app.sql.run(&sql(key, range), Format::Arrow).await?;
    if answer.truncated {
        return Err(too_many("more than can be returned at once for so many panes"));
    }
    let pieces = pieces(&answer.body, key.by.len(), width_us).map_err(unreadable)?;
    let cells: HashSet<&Names> = pieces.iter().map(|piece| &piece.names).collect();
    if cells.len() > MOST_READ {
        return Err(too_many(&cells.len().to_string()));
    }
    let whole = !answer.files_alone.contains(&SPANS);
    let by_state = history.final_up_to(Table::SessionSpans).filter(|_| whole);
    if by_state.is_none() {
        partial.push(
            "the processor's state was not available (it does not answer, has ended, or is \
             starting): viewers whose current span has not ended are missing"
                .into(),
        );
    }
    // A processor that restarts is behind what was final before.
    let settled = settled.min(by_state).map(|at| at.div_euclid(width_us));
    cuboid.take(range, &pieces, settled);
    cuboid.partial = partial;
    cuboid.has_taken(began.elapsed());
    Ok(())
}

fn too_many(cells: &str) -> Failed {
    Failed::Invalid(format!(
        "the cells of the breakdown are {cells}; at most {MOST_READ} are read, and fewer of long \
         series. Use fewer dimensions in by, fewer minutes, a larger width_s, or a where"
    ))
}

fn unreadable(error: ArrowError) -> Failed {
    Failed::Unavailable(format!("the answer of SQL cannot be read: {error}; try again"))
}

/// The query of docs/sql.md: a row for each cell and state, with the panes of the range in a list.
fn sql(key: &Key, range: Range) -> String {
    let width_us = i64::from(key.width_s) * 1_000_000;
    let moment = |pane: i64| {
        format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", pane * width_us)
    };
    let (start, end) = (moment(range.from), moment(range.end));
    // A span is stored in the hour of its end or later; a minute is allowed for fast clocks.
    let hour = hour_name(hour_of(range.from * width_us - 60_000_000));
    let columns: String = key.by.iter().map(|name| format!("{name}, ")).collect();
    let texts: String = key.by.iter().map(|name| format!("CAST({name} AS VARCHAR), ")).collect();
    let condition = match key.condition.as_str() {
        "" => "true",
        text => text,
    };
    let width_s = key.width_s;
    format!(
        "WITH picked AS (SELECT * FROM {SPANS} WHERE (\n{condition}\n)),\n\
         cut AS (SELECT {columns}state, greatest(\"from\", {start}) AS a,\n\
             least(CASE WHEN open THEN {end} ELSE \"to\" END, {end}) AS b\n\
             FROM picked WHERE state <> 'paused' AND \"from\" < {end}\n\
             AND (open OR \"to\" > {start}) AND (hour IS NULL OR hour >= '{hour}'))\n\
         SELECT {texts}state, span_panes(a, b, INTERVAL '{width_s} seconds') AS panes\n\
         FROM cut GROUP BY {columns}state"
    )
}

/// Index of the measure that holds the time in a state.
fn measure_of(state: &str) -> Option<usize> {
    MEASURES.iter().position(|measure| measure.strip_suffix("_ms") == Some(state))
}

fn pieces(body: &[u8], by: usize, width_us: i64) -> Result<Vec<Piece>, ArrowError> {
    let mut pieces = Vec::new();
    for batch in StreamReader::try_new(Cursor::new(body), None)? {
        let batch = batch?;
        let texts: Vec<StringArray> =
            (0..=by).map(|at| text(&batch, at)).collect::<Result<_, _>>()?;
        let Some(lists) = batch.column(by + 1).as_list_opt::<i32>() else { continue };
        for row in 0..batch.num_rows() {
            let name = |at: usize| (!texts[at].is_null(row)).then(|| texts[at].value(row));
            let names = (0..by).map(|at| name(at).map(str::to_owned)).collect();
            let list = lists.value(row);
            let Some(panes) = list.as_struct_opt() else { continue };
            let starts = panes.column(0).as_primitive::<TimestampMicrosecondType>().values();
            let viewers = panes.column(1).as_primitive::<Int64Type>().values();
            let ms = panes.column(2).as_primitive::<Int64Type>().values();
            let panes = starts.iter().zip(viewers).zip(ms);
            let panes = panes.map(|((at, viewers), ms)| (at.div_euclid(width_us), *viewers, *ms));
            let state = name(by).and_then(measure_of);
            pieces.push(Piece { names, state, panes: panes.collect() });
        }
    }
    Ok(pieces)
}

fn text(batch: &RecordBatch, at: usize) -> Result<StringArray, ArrowError> {
    Ok(cast(batch.column(at), &DataType::Utf8)?.as_string::<i32>().clone())
}
