//! How well the schedule was kept, as a view over `delivery_events`.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use tallylight_schemas::segments::{ABOUT, COLUMNS, VIEW, sql};
use tallylight_schemas::tables::Table;

use super::catalog::{TableInfo, View};
use super::tables::column;

/// The view.
pub(super) fn view() -> TableInfo {
    let columns =
        COLUMNS.map(|one| column(one.name, one.kind.arrow(), one.unit, one.about)).to_vec();
    TableInfo {
        name: VIEW,
        about: ABOUT,
        schema: Arc::new(Schema::new(columns)),
        newest: false,
        view: Some(View { over: Table::DeliveryEvents.name(), sql: sql() }),
    }
}
