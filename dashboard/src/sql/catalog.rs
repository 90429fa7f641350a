//! What a statement can name: tables with a tenant's rows, and their `information_schema`.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{
    CatalogProvider, MemTable, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
    TableProvider,
};
use datafusion::common::{Column, Result};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};

use super::error::{Kind, SqlError};
use super::statement::{CATALOG, SCHEMA};

/// Key of a column's description in its field's metadata.
pub const ABOUT: &str = "about";
/// Key of a column's unit in its field's metadata.
pub const UNIT: &str = "unit";

/// A table as `SHOW TABLES` and docs/sql.md describe it.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// Its name in SQL.
    pub name: &'static str,
    /// What one of its rows is.
    pub about: &'static str,
    /// Its columns; the metadata of a field hold [`ABOUT`] and [`UNIT`].
    pub schema: SchemaRef,
    /// Whether a row replaces older rows with its id: only the newest by `updated_at` is visible.
    pub newest: bool,
    /// The view it is; a view itself is not opened.
    pub view: Option<View>,
}

/// A table derived from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The table it reads.
    pub over: &'static str,
    /// The SELECT that it stands for.
    pub sql: String,
}

/// A table at one moment.
#[derive(Debug)]
pub struct Opened {
    /// Its parts, of which it is the union; each row is in one of them. They have its columns, in
    /// any order, and may have rows of other tenants.
    pub parts: Vec<Arc<dyn TableProvider>>,
    /// Whether rows that are not in a file yet are missing.
    pub files_alone: bool,
}

impl Opened {
    /// A complete table.
    pub fn whole(parts: Vec<Arc<dyn TableProvider>>) -> Self {
        Self { parts, files_alone: false }
    }
}

/// The source of the rows.
#[async_trait]
pub trait Tables: Send + Sync + std::fmt::Debug {
    /// All tables.
    fn list(&self) -> &[TableInfo];

    /// The table as it is now. The error says why it cannot be read.
    async fn open(&self, name: &str) -> std::result::Result<Opened, String>;
}

/// A table as one tenant sees it, and whether rows that are not in a file yet are missing.
pub(super) async fn view(
    tables: &dyn Tables,
    info: &TableInfo,
    tenant: &str,
) -> std::result::Result<(Arc<dyn TableProvider>, bool), SqlError> {
    let Opened { mut parts, files_alone } = tables.open(info.name).await.map_err(|why| {
        SqlError::new(
            Kind::Unavailable,
            format!("table {} cannot be read: {why}; try again", info.name),
        )
    })?;
    if parts.is_empty() {
        parts.push(Arc::new(MemTable::try_new(Arc::clone(&info.schema), vec![Vec::new()])?));
    }
    Ok((Arc::new(ViewTable::new(plan(info, parts, tenant)?, None)), files_alone))
}

fn plan(info: &TableInfo, parts: Vec<Arc<dyn TableProvider>>, tenant: &str) -> Result<LogicalPlan> {
    let mut union: Option<LogicalPlanBuilder> = None;
    for part in parts {
        let scan = project_part(info, part, tenant)?;
        union = Some(match union {
            Some(before) => before.union(scan)?,
            None => LogicalPlanBuilder::from(scan),
        });
    }
    let mut plan = match union {
        Some(union) => union,
        None => LogicalPlanBuilder::empty(false),
    };
    if info.newest {
        let columns = info.schema.fields().iter().map(|field| named(field.name())).collect();
        let order = vec![
            named("tenant").sort(true, true),
            named("id").sort(true, true),
            named("updated_at").sort(false, false),
        ];
        plan = plan.distinct_on(vec![named("tenant"), named("id")], columns, Some(order))?;
    }
    plan.build()
}

fn named(name: &str) -> Expr {
    col(Column::from_name(name))
}

/// One part of a table with exactly the table's columns and only the tenant's rows. The filter is
/// applied here, out of reach of the text of a query.
fn project_part(
    info: &TableInfo,
    part: Arc<dyn TableProvider>,
    tenant: &str,
) -> Result<LogicalPlan> {
    let has = part.schema();
    let mut plan = LogicalPlanBuilder::scan(info.name, provider_as_source(part), None)?;
    if info.schema.field_with_name("tenant").is_ok() {
        plan = plan.filter(named("tenant").eq(lit(tenant)))?;
    }
    let columns = info.schema.fields().iter().map(|field| {
        let kind = field.data_type();
        let expr = match has.field_with_name(field.name()) {
            Ok(there) if there.data_type() == kind => named(field.name()),
            Ok(_) => cast(named(field.name()), kind.clone()),
            // A column that was added after this part was written.
            Err(_) => cast(lit(datafusion::common::ScalarValue::Null), kind.clone()),
        };
        expr.alias(field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    plan.project(columns)?.build()
}

/// The catalog that one query sees.
pub(super) fn catalog(
    views: Vec<(String, Arc<dyn TableProvider>)>,
    about: Arc<dyn SchemaProvider>,
) -> Result<Arc<dyn CatalogProvider>> {
    let schema = MemorySchemaProvider::new();
    for (name, view) in views {
        schema.register_table(name, view)?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    catalog.register_schema("information_schema", about)?;
    Ok(Arc::new(catalog))
}

/// `information_schema.tables` and `information_schema.columns`.
pub(super) fn about(tables: &[TableInfo]) -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    register(&schema, "tables", about_tables(tables))?;
    register(&schema, "columns", about_columns(tables))?;
    Ok(Arc::new(schema))
}

/// The rows of `information_schema.tables`, one for each table.
fn about_tables(tables: &[TableInfo]) -> Vec<(&'static str, ArrayRef)> {
    let rows = tables.len();
    vec![
        ("table_catalog", repeated(CATALOG, rows)),
        ("table_schema", repeated(SCHEMA, rows)),
        ("table_name", text(tables.iter().map(|table| Some(table.name)))),
        ("table_type", repeated("VIEW", rows)),
        ("about", text(tables.iter().map(|table| Some(table.about)))),
    ]
}

/// The rows of `information_schema.columns`, one for each column of each table.
fn about_columns(tables: &[TableInfo]) -> Vec<(&'static str, ArrayRef)> {
    let columns: Vec<(&TableInfo, usize, &Field)> = tables
        .iter()
        .flat_map(|table| {
            let fields = table.schema.fields().iter().enumerate();
            fields.map(move |(at, field)| (table, at, field.as_ref()))
        })
        .collect();
    let rows = columns.len();
    let fields = || columns.iter().map(|(_, _, field)| *field);
    let positions = columns.iter().map(|(_, at, _)| *at as u64 + 1);
    let positions: ArrayRef = Arc::new(UInt64Array::from_iter_values(positions));
    let nullable = |field: &Field| Some(if field.is_nullable() { "YES" } else { "NO" });
    let types: Vec<String> = fields().map(|field| type_name(field.data_type())).collect();
    let meta =
        |key: &str| text(fields().map(|field| field.metadata().get(key).map(String::as_str)));
    vec![
        ("table_catalog", repeated(CATALOG, rows)),
        ("table_schema", repeated(SCHEMA, rows)),
        ("table_name", text(columns.iter().map(|(table, _, _)| Some(table.name)))),
        ("column_name", text(fields().map(|field| Some(field.name().as_str())))),
        ("ordinal_position", positions),
        ("is_nullable", text(fields().map(nullable))),
        ("data_type", text(types.iter().map(|name| Some(name.as_str())))),
        ("about", meta(ABOUT)),
        ("unit", meta(UNIT)),
    ]
}

fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// The same text in every row.
fn repeated(value: &str, rows: usize) -> ArrayRef {
    text(std::iter::repeat_n(Some(value), rows))
}

fn register(
    schema: &MemorySchemaProvider,
    name: &str,
    columns: Vec<(&str, ArrayRef)>,
) -> Result<()> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    schema.register_table(name.to_owned(), Arc::new(table))?;
    Ok(())
}

/// The name of a type as analysts know it.
pub(super) fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "smallint".into(),
        DataType::UInt16 | DataType::Int32 => "integer".into(),
        DataType::UInt32 | DataType::Int64 => "bigint".into(),
        DataType::UInt64 => "unsigned bigint".into(),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".into(),
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Struct(fields)
                if fields.iter().map(|f| f.name().as_str()).eq(["bin", "count"]) =>
            {
                "sketch".into()
            }
            kind => format!("{}[]", type_name(kind)),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("struct({})", fields.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}
