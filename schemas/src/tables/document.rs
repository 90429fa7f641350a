//! Writes the tables as a page of documentation.

use std::fmt::Write;

use super::Table;
use crate::formulas::{self, Formulas};
use crate::segments;

const HEAD: &str = "# Tables

Generated from `schemas::tables`.
`UPDATE_GOLDENS=1 cargo test --locked --workspace --test suite -- tables` regenerates it.

How history is stored and read: [history.md](history.md). NULL means unknown, never 0. Times are in UTC
with microseconds. Columns are only ever added.

A sketch is a list of bins: bin `i` counts the values whose logarithm to base γ = 1.01 / 0.99 rounds up
to `i`, bin −1 the zeros. Summing the counts by bin merges sketches, in any engine; the value of a bin is
2 γ^i / (γ + 1), accurate to 1 %.
";

/// The page `docs/tables.md`.
pub fn markdown() -> String {
    let mut out = HEAD.to_owned();
    for table in Table::ALL {
        // Writing into a string cannot fail.
        let _ = write!(out, "\n## {}\n\n{}\n\n", table.name(), table.about());
        let sorted = table.sorted_by().join("`, `");
        let _ = write!(out, "Files are sorted by `{sorted}`.\n\n");
        out.push_str("| column | type | unit | stated by | meaning |\n|---|---|---|---|---|\n");
        for column in table.columns() {
            let unit = column.unit.unwrap_or("");
            let (name, kind) = (column.name, column.kind.sql());
            let _ = writeln!(
                out,
                "| `{name}` | {kind} | {unit} | {} | {} |",
                column.source, column.about
            );
        }
    }
    out.push_str(VIEWS);
    formulas::ALL.iter().for_each(|set| view(&mut out, set));
    schedule(&mut out);
    out
}

const VIEWS: &str = "
# Views

Published formulas over `sessions`, computed at query time. A row covers the ended playbacks of one
content that began in one hour. A ratio holds for its row only: to merge rows, sum the numerators and the
denominators, as in `100.0 * SUM(failed) / SUM(sessions)` (whole numbers alone are divided without a
remainder). Table `formulas` has each figure as an expression over `sessions`, for other breakdowns. Rows
of history older than `starting_ms` are excluded, and so are `derived` sessions, since requests alone give
no exact times.
";

fn view(out: &mut String, set: &Formulas) {
    let _ = write!(out, "\n## {}\n\n{}\n\n", set.view, set.about);
    out.push_str("| column | type | unit | denominator | meaning |\n|---|---|---|---|---|\n");
    for (name, kind, _, about) in formulas::KEYS {
        let _ = writeln!(out, "| `{name}` | {} |  |  | {about} |", kind.sql());
    }
    for figure in set.figures {
        let den = figure.denominator().map(|den| format!("`{den}`")).unwrap_or_default();
        let (kind, unit) = (figure.kind().sql(), figure.unit.unwrap_or(""));
        let _ = writeln!(
            out,
            "| `{}` | {kind} | {unit} | {den} | {} |",
            figure.name,
            figure.described()
        );
    }
    out.push_str("\nWhat differs, and what cannot be computed:\n\n");
    for line in set.missing {
        let _ = writeln!(out, "- {line}");
    }
}

fn schedule(out: &mut String) {
    let _ =
        write!(out, "\n## {}\n\n{} Over `delivery_events`.\n\n", segments::VIEW, segments::ABOUT);
    out.push_str("| column | type | unit | meaning |\n|---|---|---|---|\n");
    for column in segments::COLUMNS {
        let (name, kind, unit, about) = (column.name, column.kind.sql(), column.unit, column.about);
        let _ = writeln!(out, "| `{name}` | {kind} | {unit} | {about} |");
    }
}
