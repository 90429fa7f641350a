//! Errors of a query, in words for the person who wrote it.

use std::fmt;

use axum::http::StatusCode;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::names::nearest;
use crate::problem::Problem;

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Change the statement.
    Invalid,
    /// The statement is not one that only reads.
    NotAllowed,
    /// It ran into a limit: ask for less.
    Limit,
    /// Too many queries are running: try again.
    Busy,
    /// Its data is not available now: try again.
    Unavailable,
    /// A bug on our side.
    Internal,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SqlError {
    /// What the caller can do about it.
    pub kind: Kind,
    /// What is wrong, and what to do.
    pub detail: String,
    /// Line and column in the statement, from 1.
    pub at: Option<(u64, u64)>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

impl SqlError {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), at: None }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    pub(super) fn not_allowed(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotAllowed, detail)
    }

    pub(super) fn limit(detail: impl Into<String>) -> Self {
        Self::new(Kind::Limit, detail)
    }

    pub(super) fn at(mut self, place: Location) -> Self {
        self.at = self::place(place.line, place.column);
        self
    }

    /// The HTTP status that says what the caller can do about it.
    pub fn status(&self) -> u16 {
        self.problem().status().as_u16()
    }

    pub(crate) fn problem(&self) -> Problem {
        let (status, slug, title) = match self.kind {
            Kind::Invalid => (StatusCode::BAD_REQUEST, "sql", "The statement cannot be run"),
            Kind::NotAllowed => {
                (StatusCode::FORBIDDEN, "sql-not-allowed", "SQL only reads the tables")
            }
            Kind::Limit => {
                (StatusCode::UNPROCESSABLE_ENTITY, "sql-limit", "The query ran into a limit")
            }
            Kind::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "sql-busy", "Too many queries are running")
            }
            Kind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "sql-unavailable", "A table cannot be read now")
            }
            Kind::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "sql-internal", "The query failed")
            }
        };
        let problem = Problem::new(status, slug, title, self.to_string());
        match self.kind {
            Kind::Busy | Kind::Unavailable => problem.retry_after(1),
            _ => problem,
        }
    }
}

/// Texts of errors that DataFusion reports as internal although the statement is at fault: types or
/// values that do not match, which it checks too late.
const STATEMENT_FAULTS: [&str; 8] = [
    "failed to match any signature",
    "in BETWEEN expression",
    "Cannot run range queries on datatype",
    "Nth value indices are 1 based",
    "Uncomparable values",
    "accumulator not implemented for type",
    "Unsupported data type",
    "Unexpected data type",
];

/// Line and column, where they are known.
fn place(line: u64, column: u64) -> Option<(u64, u64)> {
    (line > 0).then_some((line, column))
}

/// Wraps one of our errors so that it passes through DataFusion.
pub(super) fn inside(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let mut out = translate(&error);
        if out.at.is_none()
            && let Some(span) = span
        {
            out.at = place(span.start.line, span.start.column);
        }
        out
    }
}

fn translate(error: &DataFusionError) -> SqlError {
    use DataFusionError as E;
    match error {
        E::Diagnostic(_, inner) | E::Context(_, inner) => translate(inner),
        E::Shared(inner) => translate(inner),
        E::Collection(all) => match all.first() {
            Some(first) => translate(first),
            None => SqlError::new(Kind::Internal, "the query failed without saying why"),
        },
        E::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(ours) => ours.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(nested) => translate(nested),
                None => external(&inner.to_string()),
            },
        },
        E::ArrowError(inner, _) => match &**inner {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(nested) => translate(nested),
                None => foreign(&inner.to_string()),
            },
            // Intermediate results that cannot be written, as on a full disk.
            ArrowError::IoError(what, _) if !is_over_spill_limit(what) => {
                SqlError::new(Kind::Unavailable, plain(what))
            }
            other => foreign(&other.to_string()),
        },
        E::ResourcesExhausted(what) => SqlError::limit(exhausted(what)),
        E::SchemaError(inner, _) => schema(inner),
        E::SQL(inner, _) => syntax(&inner.to_string()),
        E::Plan(what) | E::Execution(what) | E::Configuration(what) => {
            SqlError::invalid(plain(what))
        }
        E::NotImplemented(what) => {
            SqlError::invalid(format!("{}; write it differently", plain(what)))
        }
        E::Internal(what) if STATEMENT_FAULTS.iter().any(|part| what.contains(part)) => {
            let what = plain(what);
            // Leaves a trace in case it is DataFusion's own fault after all.
            tracing::warn!(what, "taken for a fault of the statement");
            let after = what.strip_prefix("Assertion failed: ").and_then(|it| it.split_once(": "));
            SqlError::invalid(after.map_or(what.as_str(), |(_, after)| after))
        }
        E::IoError(inner) => SqlError::new(Kind::Unavailable, inner.to_string()),
        other => SqlError::new(Kind::Internal, plain(&other.to_string())),
    }
}

/// An error from code that DataFusion calls: readers of tables, and regular expressions.
fn external(text: &str) -> SqlError {
    let kind = if text.starts_with("regex parse error") {
        Kind::Invalid
    } else if text.starts_with("Compiled regex exceeds") {
        Kind::Limit
    } else {
        Kind::Unavailable
    };
    SqlError::new(kind, plain(text))
}

/// An error that lost its kind on its way through Arrow.
fn foreign(text: &str) -> SqlError {
    if is_over_spill_limit(text) {
        SqlError::limit(exhausted(text))
    } else {
        SqlError::invalid(plain(text))
    }
}

/// Whether intermediate results take more disk than the settings allow. DataFusion reports that as
/// a failed write, too.
fn is_over_spill_limit(text: &str) -> bool {
    text.contains("disk space during the spilling")
}

fn exhausted(what: &str) -> String {
    let what = plain(what);
    let spill = what.contains("disk") || what.contains("temp_directory");
    let (which, setting) = if spill {
        ("disk for intermediate results", "dashboard.sql.spill_bytes")
    } else {
        ("memory", "dashboard.sql.memory_bytes")
    };
    format!(
        "the query needs more {which} than {setting} allows; narrow it by time, group by fewer \
         columns or add a LIMIT. ({})",
        what.lines().next().unwrap_or_default()
    )
}

/// A `ParserError` ends with its position: `… at Line: 1, Column: 8`.
fn syntax(text: &str) -> SqlError {
    let text = text.trim_start_matches("sql parser error: ");
    let mut error = SqlError::invalid(format!("the statement cannot be read: {text}"));
    if let Some((what, place)) = text.rsplit_once(" at Line: ")
        && let Some((line, column)) = place.split_once(", Column: ")
        && let (Ok(line), Ok(column)) =
            (line.parse(), column.trim_end_matches(|c: char| !c.is_ascii_digit()).parse())
    {
        error = SqlError::invalid(format!("the statement cannot be read: {what}"));
        error.at = Some((line, column));
    }
    if text.contains("recursion limit") {
        error.kind = Kind::Limit;
        error.detail = "the statement is nested too deeply; use WITH to name its parts".into();
    }
    error
}

fn schema(error: &SchemaError) -> SqlError {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return SqlError::invalid(plain(&error.to_string()));
    };
    let names: Vec<&str> = valid_fields.iter().map(|column| column.name()).collect();
    let near = nearest(field.name(), names.iter().copied());
    let hint = if !near.is_empty() {
        format!("did you mean {}?", near.join(" or "))
    } else if names.is_empty() {
        "there are no columns here".into()
    } else {
        let some: Vec<&str> = names.iter().copied().take(20).collect();
        let more = if names.len() > some.len() { ", …" } else { "" };
        format!("there are {}{more}", some.join(", "))
    };
    let start = field.spans().first().map(|span| span.start);
    let mut error = SqlError::invalid(format!("there is no column {}: {hint}", field.flat_name()));
    error.at = start.and_then(|start| place(start.line, start.column));
    error
}

/// The text without DataFusion's notes about where in its code the error arose.
fn plain(text: &str) -> String {
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text =
        text.trim_start_matches("Error during planning: ").trim_start_matches("Execution error: ");
    text.split(". This issue was likely caused by a bug").next().unwrap_or(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_full_disk_is_not_the_statements_fault_and_a_limit_is_no_full_disk() {
        // As they come from DataFusion's writer of intermediate results.
        let spilling =
            |error: Error| SqlError::from(DataFusionError::from(ArrowError::from(error)));
        let full = DataFusionError::IoError(ErrorKind::StorageFull.into());
        let error = spilling(Error::other(full));
        assert_eq!((error.kind, error.status()), (Kind::Unavailable, 503), "{error}");
        let limit = "The used disk space during the spilling process has exceeded the limit";
        let error = spilling(Error::other(limit));
        assert_eq!((error.kind, error.status()), (Kind::Limit, 422), "{error}");
    }
}
