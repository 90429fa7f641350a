//! The published formulas as views over `sessions`, and as a table of expressions. Both are derived
//! from the single definition of each ([`tallylight_schemas::formulas`]).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use tallylight_schemas::formulas::{ALL, Figure, Formulas, KEYS};
use tallylight_schemas::tables::Table;

use super::catalog::{TableInfo, View};
use super::tables::column;

/// The views.
pub(super) fn views() -> impl Iterator<Item = TableInfo> {
    ALL.iter().map(|set| {
        let keys = KEYS.iter().map(|(name, kind, _, about)| column(name, kind.arrow(), "", about));
        let figures = set.figures.iter().map(|figure| {
            let unit = figure.unit.unwrap_or_default();
            column(figure.name, figure.kind().arrow(), unit, &figure.described())
        });
        TableInfo {
            name: set.view,
            about: set.about,
            schema: Arc::new(Schema::new(keys.chain(figures).collect::<Vec<_>>())),
            newest: false,
            view: Some(View { over: Table::Sessions.name(), sql: set.view_sql() }),
        }
    })
}

/// The columns of table `formulas`.
pub(super) fn schema() -> SchemaRef {
    let text = |name, about| column(name, DataType::Utf8, "", about);
    Arc::new(Schema::new(vec![
        text("view", "The view that has it as a column."),
        text("name", "The column."),
        text("unit", "Unit of the value."),
        text("sql", "The figure over rows of `sessions` that fulfil `counted`."),
        text("denominator", "What it is a share or a mean of: another figure of the view."),
        text("counted", "Which sessions count, as a condition."),
        text("about", "What it means."),
    ]))
}

/// The rows of table `formulas`.
pub(super) fn rows(schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let all: Vec<(&Formulas, &Figure)> =
        ALL.iter().flat_map(|set| set.figures.iter().map(move |figure| (set, figure))).collect();
    let text = |of: &dyn Fn(&Formulas, &Figure) -> Option<String>| -> ArrayRef {
        Arc::new(all.iter().map(|(set, figure)| of(set, figure)).collect::<StringArray>())
    };
    RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            text(&|set, _| Some(set.view.into())),
            text(&|_, figure| Some(figure.name.into())),
            text(&|_, figure| figure.unit.map(Into::into)),
            text(&|set, figure| Some(set.sql(figure))),
            text(&|_, figure| figure.denominator().map(Into::into)),
            text(&|_, _| Some(tallylight_schemas::formulas::COUNTED.into())),
            text(&|_, figure| Some(figure.described())),
        ],
    )
}
