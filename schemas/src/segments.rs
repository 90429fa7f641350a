//! How well the schedule was kept: the outcome of each segment, from the origin's reports. A view
//! over `delivery_events`, since a segment has only a few reports.

use crate::tables::Kind;

/// Name of the view.
pub const VIEW: &str = "segments";

/// Description of the view.
pub const ABOUT: &str = "Segments as the origin fixed them: on time, late or missing, and from \
    which pipeline. `state <> 'on_time' OR late_copies > 0 OR defective > 0` finds the faulty ones; \
    a pipeline that sent nothing shows in `copies`.";

/// A column of the view.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its unit, where it has one.
    pub unit: &'static str,
    /// Its expression over the reports about one segment.
    pub sql: &'static str,
    /// What it means.
    pub about: &'static str,
}

const fn column(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    sql: &'static str,
    about: &'static str,
) -> Column {
    Column { name, kind, unit, sql, about }
}

/// The columns that identify a row.
const KEYS: &str = "tenant, stream, track, k";

/// Its columns.
pub const COLUMNS: [Column; 11] = [
    column("tenant", Kind::Text, "", "tenant", "Tenant whose stream it is."),
    column("stream", Kind::Text, "", "stream", "Stream name."),
    column("track", Kind::Text, "", "track", "Track name."),
    column("k", Kind::Int, "", "k", "Segment number."),
    column(
        "state",
        Kind::Text,
        "",
        "CASE WHEN max(pipeline) FILTER (WHERE action = 'choice') IS NULL THEN NULL \
         WHEN max(pipeline) FILTER (WHERE action = 'choice') = 'slate' THEN 'missing' \
         WHEN max(late_us) FILTER (WHERE action = 'choice') > 0 THEN 'late' ELSE 'on_time' END",
        "`on_time`, `late` or `missing` (the slate was served). NULL while the choice is not known.",
    ),
    column(
        "served_from",
        Kind::Text,
        "",
        "max(pipeline) FILTER (WHERE action = 'choice')",
        "The pipeline whose copy is the segment, or `slate`.",
    ),
    column(
        "fixed_at",
        Kind::Time,
        "",
        "max(ts) FILTER (WHERE action = 'choice')",
        "When the origin fixed the segment's copy.",
    ),
    column(
        "late_ms",
        Kind::Int,
        "ms",
        "max(late_us) FILTER (WHERE action = 'choice') / 1000",
        "How long after its due time it was fixed; negative if before.",
    ),
    column(
        "copies",
        Kind::Int,
        "",
        "count(DISTINCT coalesce(pipeline, '?')) FILTER (WHERE action = 'put' AND status < 300 AND defect IS NULL)",
        "Number of pipelines that sent a usable copy.",
    ),
    column(
        "late_copies",
        Kind::Int,
        "",
        "count(DISTINCT coalesce(pipeline, '?')) FILTER (WHERE action = 'put' AND late_us > 0)",
        "Number of pipelines whose copy arrived after its due time.",
    ),
    column(
        "defective",
        Kind::Int,
        "",
        "count(DISTINCT coalesce(pipeline, '?')) FILTER \
         (WHERE action = 'put' AND (defect IS NOT NULL OR status BETWEEN 400 AND 408 \
         OR status BETWEEN 410 AND 499))",
        "Number of pipelines whose copy was defective or refused.",
    ),
];

/// The view as a SELECT over `delivery_events`.
pub fn sql() -> String {
    let all = COLUMNS.map(|column| match column.kind {
        Kind::Int => format!("CAST({} AS bigint) AS {}", column.sql, column.name),
        _ => format!("{} AS {}", column.sql, column.name),
    });
    format!(
        "SELECT {} FROM delivery_events WHERE service = 'origin' AND action IN ('put', 'choice') \
         AND k IS NOT NULL AND fate <> 'duplicate' GROUP BY {KEYS}",
        all.join(", ")
    )
}
