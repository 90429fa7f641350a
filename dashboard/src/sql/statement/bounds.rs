//! A walk through a query that resolves and counts its tables, and refuses what is not allowed.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectName, Query, Select, SetExpr, Spanned, Statement, TableFactor,
    Value, Visitor,
};

use super::{TABLE_FUNCTIONS, resolve, sizes};
use crate::sql::error::SqlError;

/// Most tables that a statement reads, each part of WITH counted wherever it is used.
const TABLES: usize = 64;
/// Longest pattern, bytes.
const PATTERN: usize = 1_000;

/// Functions that a sliding window can compute without restarting at every row.
const SLIDING: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    "sum",
    "count",
    "min",
    "max",
    "avg",
    "mean",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var",
    "var_samp",
    "var_pop",
];

/// A query that encloses the current position.
#[derive(Debug, Default)]
struct Frame {
    /// The names of its WITH, in order, and how many of them have been walked through.
    names: Vec<String>,
    next: usize,
    /// How many tables each of them reads.
    weights: HashMap<String, usize>,
    recursive: bool,
    weight: usize,
}

#[derive(Debug)]
pub(super) struct Bounds<'a> {
    known: &'a [&'a str],
    tables: BTreeSet<String>,
    frames: Vec<Frame>,
    /// Whether the next relation is the name of a function.
    function: bool,
}

type Flow = ControlFlow<SqlError>;

impl<'a> Bounds<'a> {
    pub(super) fn new(known: &'a [&'a str]) -> Self {
        let tables = BTreeSet::new();
        Self { known, tables, frames: Vec::new(), function: false }
    }

    pub(super) fn into_tables(self) -> BTreeSet<String> {
        self.tables
    }

    /// Notes that one of our tables is read.
    pub(super) fn table(&mut self, name: &ObjectName) -> Result<(), SqlError> {
        let table = resolve(name, self.known)?;
        self.tables.insert(table);
        Ok(())
    }

    /// The weight of a name that an enclosing WITH defines. Later names of a WITH are not visible,
    /// nor is the one being defined unless it is recursive.
    fn defined(&self, name: &ObjectName) -> Option<usize> {
        let [only] = name.0.as_slice() else { return None };
        let name = fold(only.as_ident()?);
        self.frames.iter().rev().find_map(|frame| {
            let known = frame.weights.get(&name).copied();
            let itself = frame.recursive && frame.names.get(frame.next) == Some(&name);
            known.or(itself.then_some(1))
        })
    }

    fn add(&mut self, weight: usize) -> Flow {
        let Some(frame) = self.frames.last_mut() else { return Flow::Continue(()) };
        frame.weight = frame.weight.saturating_add(weight);
        if frame.weight > TABLES {
            return Flow::Break(SqlError::limit(format!(
                "the statement reads more than {TABLES} tables, counting each part of WITH \
                 wherever it is used; use fewer"
            )));
        }
        Flow::Continue(())
    }
}

fn fold(ident: &datafusion::sql::sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn refuse(what: &str, at: &impl Spanned) -> Flow {
    Flow::Break(SqlError::not_allowed(what).at(at.span().start))
}

fn flow(result: Result<(), SqlError>) -> Flow {
    result.map_or_else(Flow::Break, Flow::Continue)
}

impl Visitor for Bounds<'_> {
    type Break = SqlError;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Flow {
        // WITH … INSERT and the like are statements within a query.
        match statement {
            Statement::Query(_) => Flow::Continue(()),
            other => refuse("a query cannot change anything: write SELECT", other),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        if matches!(
            *query.body,
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        ) {
            return refuse("a query cannot change anything: write SELECT", query);
        }
        let mut frame = Frame::default();
        if let Some(with) = &query.with {
            frame.recursive = with.recursive;
            frame.names = with.cte_tables.iter().map(|part| fold(&part.alias.name)).collect();
        }
        self.frames.push(frame);
        Flow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> Flow {
        let Some(done) = self.frames.pop() else { return Flow::Continue(()) };
        let Some(around) = self.frames.last_mut() else { return Flow::Continue(()) };
        match around.names.get(around.next).cloned() {
            Some(name) => {
                around.weights.insert(name, done.weight);
                around.next += 1;
                Flow::Continue(())
            }
            None => self.add(done.weight),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        if select.into.is_some() {
            return refuse("SELECT INTO is not allowed: a query cannot change anything", select);
        }
        flow(sizes::check_groupings(&select.group_by))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        self.function = false;
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => {
                self.function = true;
                let named = name.to_string().to_lowercase();
                if TABLE_FUNCTIONS.contains(&named.as_str()) {
                    return self.add(1);
                }
                let detail = format!("{named}(…) is not a table; generate_series and range are");
                refuse(&detail, factor)
            }
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => Flow::Continue(()),
            other => refuse("FROM takes tables, subqueries, UNNEST and generate_series", other),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> Flow {
        if std::mem::take(&mut self.function) {
            return Flow::Continue(());
        }
        if let Some(weight) = self.defined(name) {
            return self.add(weight);
        }
        flow(self.table(name))?;
        self.add(1)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        let named = sizes::named_type(expr).map_or(Ok(()), sizes::check_type);
        flow(named.map_err(|error| error.at(expr.span().start)))?;
        match expr {
            Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => {
                let literal = match &**pattern {
                    Expr::Value(value) => match &value.value {
                        Value::SingleQuotedString(text) => text.len() <= PATTERN,
                        _ => false,
                    },
                    _ => false,
                };
                if literal {
                    return Flow::Continue(());
                }
                let detail = format!(
                    "LIKE takes a literal of at most {PATTERN} bytes; use strpos, starts_with \
                     or contains for the rest"
                );
                Flow::Break(SqlError::limit(detail).at(pattern.span().start))
            }
            Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                refuse("use regexp_like(text, 'pattern') instead", expr)
            }
            Expr::Lambda(_) => refuse("lambda functions are not available", expr),
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                if matches!(function.parameters, FunctionArguments::Subquery(_)) {
                    return refuse("a function takes no parameters of that kind", expr);
                }
                if function.over.is_some() && !SLIDING.contains(&name.as_str()) {
                    let detail = format!("{name} cannot be used with OVER; group in a subquery");
                    return refuse(&detail, expr);
                }
                Flow::Continue(())
            }
            _ => Flow::Continue(()),
        }
    }
}
