//! The tables of history. Each is defined once, for the archive that writes it, for SQL that reads
//! it and for `docs/tables.md`, which is generated.
//!
//! A column without a value is present and NULL. NULL means unknown, never 0. Columns are only ever
//! added (ADR 17).

mod about;
mod columns;
mod conform;
mod dead_letters;
mod document;
mod infra_metrics;
mod open;
mod player_events;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

pub use conform::{conform, found};
pub use document::markdown;
pub use open::{open_sessions, session_columns};

/// A table of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row per player's record, with its fate.
    PlayerEvents,
    /// One row per report of a media service, with its fate.
    DeliveryEvents,
    /// One row per playback.
    Sessions,
    /// One row per span of a playback in one state and one set of dimensions.
    SessionSpans,
    /// Sums over players per pane and cell.
    Playback,
    /// Sums over media services' reports per second and key.
    Delivery,
    /// The ledger: the fate of every record, per second.
    Fates1s,
    /// Incidents.
    Incidents,
    /// Actions against them.
    Actions,
    /// Metrics of machines and services.
    InfraMetrics,
    /// `playback` per minute.
    Playback1m,
    /// `playback` per hour.
    Playback1h,
    /// `delivery` per minute.
    Delivery1m,
    /// `delivery` per hour.
    Delivery1h,
    /// Records and parts of the log that could not be used.
    DeadLetters,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A 64-bit integer.
    Int,
    /// A 32-bit integer.
    Small,
    /// A 64-bit float.
    Dec,
    /// True or false.
    Bool,
    /// A time, UTC, microseconds.
    Time,
    /// The same, stored as milliseconds in the log.
    MsTime,
    /// A list of texts.
    Texts,
    /// A list of integers, each with its object type.
    Ints,
    /// Custom keys with their values.
    Pairs,
    /// The servers that a response passed through.
    Hops,
    /// A quantile sketch: bins with counts.
    Sketch,
    /// Times, each with a duration in ms.
    Intervals,
}

impl Kind {
    /// The type in Arrow.
    pub fn arrow(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Int => DataType::Int64,
            Kind::Small => DataType::Int32,
            Kind::Dec => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Time | Kind::MsTime => time(),
            Kind::Texts => list(DataType::Utf8),
            Kind::Ints => pairs([("v", DataType::Int64), ("ot", DataType::Utf8)]),
            Kind::Pairs => pairs([("k", DataType::Utf8), ("v", DataType::Utf8)]),
            Kind::Hops => {
                let number = |name| (name, DataType::Int64);
                let first = [("n", DataType::Utf8), ("du", DataType::Boolean)];
                structs(first.into_iter().chain(["etp", "mb", "rd", "rtt"].map(number)))
            }
            Kind::Sketch => pairs([("bin", DataType::Int32), ("count", DataType::Int64)]),
            Kind::Intervals => pairs([("at", time()), ("ms", DataType::Int64)]),
        }
    }

    /// The type as SQL names it.
    pub fn sql(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Int => "bigint",
            Kind::Small => "int",
            Kind::Dec => "double",
            Kind::Bool => "boolean",
            Kind::Time | Kind::MsTime => "timestamp",
            Kind::Texts => "list<text>",
            Kind::Ints => "list<struct<v bigint, ot text>>",
            Kind::Pairs => "list<struct<k text, v text>>",
            Kind::Hops => {
                "list<struct<n text, du boolean, etp bigint, mb bigint, rd bigint, rtt bigint>>"
            }
            Kind::Sketch => "list<struct<bin int, count bigint>>",
            Kind::Intervals => "list<struct<at timestamp, ms bigint>>",
        }
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Delta calls the items of a list `element`.
fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", item, true)))
}

fn pairs(items: [(&str, DataType); 2]) -> DataType {
    structs(items.into_iter())
}

fn structs<'a>(items: impl Iterator<Item = (&'a str, DataType)>) -> DataType {
    let fields = items.map(|(name, kind)| Field::new(name, kind, true));
    list(DataType::Struct(fields.collect::<Fields>()))
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its unit, where it has one.
    pub unit: Option<&'static str>,
    /// The component that states it: `player`, `collector`, `processor`, `edge`, `service`,
    /// `steering`.
    pub source: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// The column that names the folders: the hour of log time in which a row was written.
pub const HOUR: &str = "hour";

static COLUMNS: LazyLock<Vec<Vec<Column>>> =
    LazyLock::new(|| Table::ALL.iter().map(|table| table.define()).collect());
static SCHEMAS: LazyLock<Vec<SchemaRef>> =
    LazyLock::new(|| Table::ALL.iter().map(|table| Arc::new(table.arrow())).collect());

impl Table {
    /// Every table.
    pub const ALL: [Table; 15] = [
        Table::PlayerEvents,
        Table::DeliveryEvents,
        Table::Sessions,
        Table::SessionSpans,
        Table::Playback,
        Table::Delivery,
        Table::Fates1s,
        Table::Incidents,
        Table::Actions,
        Table::InfraMetrics,
        Table::Playback1m,
        Table::Playback1h,
        Table::Delivery1m,
        Table::Delivery1h,
        Table::DeadLetters,
    ];

    /// Its name in SQL, and the name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Table::PlayerEvents => "player_events",
            Table::DeliveryEvents => "delivery_events",
            Table::Sessions => "sessions",
            Table::SessionSpans => "session_spans",
            Table::Playback => "playback",
            Table::Delivery => "delivery",
            Table::Fates1s => "fates_1s",
            Table::Incidents => "incidents",
            Table::Actions => "actions",
            Table::InfraMetrics => "infra_metrics",
            Table::Playback1m => "playback_1m",
            Table::Playback1h => "playback_1h",
            Table::Delivery1m => "delivery_1m",
            Table::Delivery1h => "delivery_1h",
            Table::DeadLetters => "dead_letters",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Its description: what a row represents.
    pub fn about(self) -> &'static str {
        about::about(self)
    }

    /// Its columns, in order.
    pub fn columns(self) -> &'static [Column] {
        &COLUMNS[self as usize]
    }

    /// Its column of that name.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// Its columns in Arrow, all of them nullable.
    pub fn schema(self) -> SchemaRef {
        Arc::clone(&SCHEMAS[self as usize])
    }

    /// The columns that files are sorted by.
    pub fn sorted_by(self) -> &'static [&'static str] {
        match self {
            Table::PlayerEvents => &["cid", "ts"],
            Table::DeliveryEvents => &["stream", "ts"],
            Table::Sessions => &["cid", "started_at"],
            Table::SessionSpans => &["cid", "from"],
            Table::Playback | Table::Playback1m | Table::Playback1h => &["content", "pane"],
            Table::Delivery | Table::Delivery1m | Table::Delivery1h | Table::Fates1s => {
                &["tenant", "pane"]
            }
            Table::Incidents => &["tenant", "opened_at"],
            Table::Actions => &["tenant", "at"],
            Table::InfraMetrics => &["service", "name", "time"],
            Table::DeadLetters => &["tenant", "received_at"],
        }
    }

    /// For a table of wider panes: the table that it is rolled up from, and the width, seconds.
    pub fn rolled(self) -> Option<(Table, u32)> {
        match self {
            Table::Playback1m => Some((Table::Playback, 60)),
            Table::Playback1h => Some((Table::Playback, 3_600)),
            Table::Delivery1m => Some((Table::Delivery, 60)),
            Table::Delivery1h => Some((Table::Delivery, 3_600)),
            _ => None,
        }
    }

    /// The table that defines its columns: itself, or the one that it is rolled up from.
    pub fn kin(self) -> Table {
        self.rolled().map_or(self, |(from, _)| from)
    }

    fn define(self) -> Vec<Column> {
        match self {
            Table::PlayerEvents => player_events::columns(),
            other => columns::columns(other),
        }
    }

    fn arrow(self) -> Schema {
        let field = |column: &Column| Field::new(column.name, column.kind.arrow(), true);
        Schema::new(self.columns().iter().map(field).collect::<Vec<_>>())
    }
}
