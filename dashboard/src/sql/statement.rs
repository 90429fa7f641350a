//! Parses a statement and refuses, before anything is planned: everything but a single read-only
//! statement, table functions that read files, and sizes that would keep the planner busy for
//! longer than a query may take.

mod bounds;
mod depth;
mod sizes;
mod words;

use std::collections::BTreeSet;

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{self, ObjectName, Visit};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Tokenizer};

use self::bounds::Bounds;
use self::depth::Depth;
use super::error::SqlError;
use super::names::nearest;

/// Deepest nesting of brackets, subqueries and operators.
const DEPTH: usize = 50;

/// The only functions that are allowed in FROM.
pub(super) const TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// The catalog and the schema of every table.
pub(super) const CATALOG: &str = "tallylight";
pub(super) const SCHEMA: &str = "public";

/// A read-only statement, and the tables it reads.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) statement: Statement,
    pub(super) tables: BTreeSet<String>,
}

/// Parses one statement; `known` are the existing tables.
pub(super) fn read(sql: &str, longest: usize, known: &[&str]) -> Result<Reading, SqlError> {
    if sql.len() > longest {
        return Err(SqlError::limit(format!(
            "the statement is {} bytes long; at most {longest} are read \
             (dashboard.sql.statement_bytes)",
            sql.len()
        )));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| DataFusionError::from(ParserError::from(error)))?;
    words::check(&tokens)?;
    let verb = words::verb(&tokens);
    let parser = DFParserBuilder::new(tokens).with_recursion_limit(DEPTH).build();
    let mut statements = parser.and_then(|mut parser| parser.parse_statements())?;
    let statement = match (statements.pop_front(), statements.len()) {
        (None, _) => return Err(SqlError::invalid("there is no statement; write SELECT …")),
        (Some(statement), 0) => statement,
        (Some(_), more) => {
            let all = more + 1;
            return Err(SqlError::not_allowed(format!("these are {all} statements; send one")));
        }
    };
    let mut bounds = Bounds::new(known);
    check(&statement, &verb, &mut bounds)?;
    Ok(Reading { statement, tables: bounds.into_tables() })
}

/// Refuses every statement that does more than read; the error names its `verb`.
fn check(statement: &Statement, verb: &str, bounds: &mut Bounds<'_>) -> Result<(), SqlError> {
    match statement {
        Statement::Explain(explain) => match &*explain.statement {
            Statement::Statement(inner) if matches!(**inner, ast::Statement::Query(_)) => {
                visit(inner.as_ref(), bounds)
            }
            _ => Err(SqlError::not_allowed("EXPLAIN takes a SELECT")),
        },
        Statement::Statement(inner) => match &**inner {
            ast::Statement::Query(_) => visit(inner.as_ref(), bounds),
            ast::Statement::ExplainTable { table_name, .. } => bounds.table(table_name),
            ast::Statement::ShowTables { show_options, .. } => {
                let bare = show_options.show_in.is_none()
                    && show_options.filter_position.is_none()
                    && show_options.limit.is_none();
                if bare {
                    return Ok(());
                }
                Err(SqlError::not_allowed(
                    "SHOW TABLES has no options; to filter, SELECT FROM information_schema.tables",
                ))
            }
            ast::Statement::ShowColumns { show_options, .. } => {
                let named = show_options.show_in.as_ref().and_then(|of| of.parent_name.as_ref());
                match named {
                    Some(name) => bounds.table(name),
                    None => Err(SqlError::invalid("write SHOW COLUMNS FROM a table")),
                }
            }
            _ => Err(refused(verb)),
        },
        _ => Err(refused(verb)),
    }
}

fn visit(query: &ast::Statement, bounds: &mut Bounds<'_>) -> Result<(), SqlError> {
    let counted = query.visit(&mut Depth::default());
    let walked = if counted.is_break() { counted } else { query.visit(bounds) };
    walked.break_value().map_or(Ok(()), Err)
}

fn refused(verb: &str) -> SqlError {
    SqlError::not_allowed(format!(
        "{verb} is not allowed: SELECT, WITH, EXPLAIN, DESCRIBE, SHOW TABLES and SHOW COLUMNS are"
    ))
}

/// The table that a name refers to, if it is one of ours or of `information_schema`.
fn resolve(name: &ObjectName, known: &[&str]) -> Result<String, SqlError> {
    let place = name.0.first().and_then(|part| part.as_ident()).map(|ident| ident.span.start);
    let error = |detail: String| SqlError::invalid(detail).at(place.unwrap_or(Location::empty()));
    let parts: Option<Vec<String>> = name
        .0
        .iter()
        .map(|part| {
            let ident = part.as_ident()?;
            let quoted = ident.quote_style.is_some();
            Some(if quoted { ident.value.clone() } else { ident.value.to_lowercase() })
        })
        .collect();
    let parts = parts.ok_or_else(|| error(format!("{name} is not the name of a table")))?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let table = match parts.as_slice() {
        [CATALOG, SCHEMA, table] | [SCHEMA, table] | [table] => *table,
        [CATALOG, "information_schema", table] | ["information_schema", table]
            if ["tables", "columns"].contains(table) =>
        {
            return Ok(format!("information_schema.{table}"));
        }
        _ => {
            return Err(error(format!(
                "there is no table {name}: SHOW TABLES lists what there is"
            )));
        }
    };
    if known.contains(&table) {
        return Ok(table.to_owned());
    }
    let near = nearest(table, known.iter().copied());
    let hint = if near.is_empty() {
        format!("there are {}", known.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Err(error(format!("there is no table {table}: {hint}")))
}
