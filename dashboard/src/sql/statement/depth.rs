//! How large and how deep a statement is, counted before anything else walks through it: finding
//! where an expression begins, and planning it, recurse to its innermost part.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Visitor};

use crate::sql::error::SqlError;
use crate::sql::functions;

/// Most expressions in a statement.
const EXPRESSIONS: usize = 4_000;
/// Deepest nesting of expressions: the time of planning grows with its square.
const DEEP: usize = 200;
/// Deepest nesting of casts, CASEs and some functions: each may double the time or the result of
/// planning, and planning cannot be interrupted.
const DOUBLED: usize = 8;
/// Deepest nesting of queries, for the same reason.
const QUERIES: usize = 10;

/// Counts expressions, and what encloses the visited one.
#[derive(Debug, Default)]
pub(super) struct Depth {
    expressions: usize,
    around: usize,
    doubled: usize,
    queries: usize,
}

type Flow = ControlFlow<SqlError>;

fn refuse(detail: String) -> Flow {
    Flow::Break(SqlError::limit(detail))
}

fn doubles(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { .. } | Expr::AtTimeZone { .. } | Expr::Case { .. } => true,
        Expr::Function(call) => {
            let name = call.name.0.last().and_then(|part| part.as_ident());
            name.is_some_and(|name| functions::doubles(&name.value.to_lowercase()))
        }
        _ => false,
    }
}

impl Visitor for Depth {
    type Break = SqlError;

    fn pre_visit_query(&mut self, _: &Query) -> Flow {
        self.queries += 1;
        if self.queries > QUERIES {
            return refuse(format!(
                "more than {QUERIES} queries are nested; use WITH to name their parts, one after \
                 the other"
            ));
        }
        Flow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> Flow {
        self.queries = self.queries.saturating_sub(1);
        Flow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        self.expressions += 1;
        self.around += 1;
        self.doubled += usize::from(doubles(expr));
        if self.around > DEEP {
            return refuse(format!(
                "more than {DEEP} expressions are nested (a + b + … counts each); use IN for a \
                 long OR, or WITH"
            ));
        }
        if self.doubled > DOUBLED {
            return refuse(format!(
                "more than {DOUBLED} casts, CASEs, coalesces or functions called by an alias are \
                 nested; use WITH to name their parts"
            ));
        }
        if self.expressions > EXPRESSIONS {
            return refuse(format!(
                "the statement has more than {EXPRESSIONS} expressions; make it shorter"
            ));
        }
        Flow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> Flow {
        self.around = self.around.saturating_sub(1);
        self.doubled = self.doubled.saturating_sub(usize::from(doubles(expr)));
        Flow::Continue(())
    }
}
