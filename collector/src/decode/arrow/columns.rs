//! The columns that a stream may have, and a row as a JSON event.

use std::sync::LazyLock;

use arrow::array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Value};
use tallylight_schemas::cmcd::{self, Key, MAX_EVENT_BYTES, is_custom};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::ipc::{TenantDelivery, fields};

use super::Refused;
use crate::decode::json::CMCD;
use crate::problem::echo;

/// Longest list; CMCD's own lists are far shorter.
const LIST_ITEMS: usize = 256;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Number,
    Truth,
    Text,
    Wholes,
    Texts,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let known = Key::from_name(name).map(|key| match key.kind() {
            cmcd::Kind::Int => Kind::Whole,
            cmcd::Kind::Dec => Kind::Number,
            cmcd::Kind::Bool => Kind::Truth,
            cmcd::Kind::Token | cmcd::Kind::Str => Kind::Text,
            cmcd::Kind::Ints => Kind::Wholes,
            cmcd::Kind::Strs => Kind::Texts,
        });
        known.or_else(|| (name == "type" || name == CMCD || is_custom(name)).then_some(Kind::Text))
    }

    fn takes(self, found: &DataType) -> bool {
        match self {
            Kind::Whole => found.is_integer(),
            Kind::Number => found.is_integer() || found.is_floating(),
            Kind::Truth => *found == DataType::Boolean,
            Kind::Text => matches!(found, DataType::Utf8 | DataType::LargeUtf8),
            Kind::Wholes => match found {
                DataType::List(item) => match item.data_type() {
                    DataType::Struct(pair) => pair.iter().all(|field| match &**field.name() {
                        "v" => Kind::Whole.takes(field.data_type()),
                        "ot" => Kind::Text.takes(field.data_type()),
                        _ => false,
                    }),
                    plain => plain.is_integer(),
                },
                lone => lone.is_integer(),
            },
            Kind::Texts => match found {
                DataType::List(item) => Kind::Text.takes(item.data_type()),
                lone => Kind::Text.takes(lone),
            },
        }
    }

    fn words(self) -> &'static str {
        match self {
            Kind::Whole => "an integer",
            Kind::Number => "an integer or a float",
            Kind::Truth => "a boolean",
            Kind::Text => "a string (utf8 or large_utf8)",
            Kind::Wholes => {
                "an integer, a list of integers, or a list of structs of `v` (integer) and `ot` \
                 (string)"
            }
            Kind::Texts => "a string or a list of strings",
        }
    }
}

/// Checks names and types; the first mistake is reported.
pub(super) fn check(schema: &Schema) -> Result<(), Refused> {
    if schema.column_with_name("type").is_none() {
        let why = "there is no column `type`; each row says `player` or `delivery` in it";
        return Err(Refused(why.to_owned()));
    }
    for (at, field) in schema.fields().iter().enumerate() {
        let (name, found) = (field.name(), field.data_type());
        if schema.index_of(name).is_ok_and(|first| first != at) {
            return Err(Refused(format!("column `{}` is there twice", echo(name))));
        }
        let kind = Kind::of(name).or_else(|| delivery_kind(name));
        let kind = kind.ok_or_else(|| {
            let known = "a CMCD key, a custom key with a hyphen, or a member of a delivery event";
            Refused(format!("column `{}` is not known; a name is {known}", echo(name)))
        })?;
        if !kind.takes(found) {
            let name = echo(name);
            let found = echo(&found.to_string());
            return Err(Refused(format!("column `{name}` is {found}; send {}", kind.words())));
        }
    }
    Ok(())
}

/// The members of a delivery event, with the types of its stored struct.
static DELIVERY: LazyLock<Vec<(String, Kind)>> = LazyLock::new(|| {
    let stored = fields::<TenantDelivery>().unwrap_or_default();
    let event = stored.iter().find_map(|field| match field.data_type() {
        DataType::Struct(members) => Some(members),
        _ => None,
    });
    let kind = |found: &DataType| match found {
        DataType::Boolean => Kind::Truth,
        found if found.is_integer() => Kind::Whole,
        _ => Kind::Text,
    };
    let members = event.into_iter().flatten();
    members.map(|field| (field.name().clone(), kind(field.data_type()))).collect()
});

fn delivery_kind(name: &str) -> Option<Kind> {
    DELIVERY.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
}

/// A row as a JSON event; a null is a member that was not sent.
pub(super) fn event(batch: &RecordBatch, row: usize) -> Result<String, Reason> {
    let mut event = Map::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let value = cell(column, row)?;
        if !value.is_null() {
            event.insert(field.name().clone(), value);
        }
    }
    let text = Value::Object(event).to_string();
    if text.len() > MAX_EVENT_BYTES { Err(Reason::TooLong) } else { Ok(text) }
}

fn cell(array: &dyn Array, row: usize) -> Result<Value, Reason> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Utf8 => text(array.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row))?,
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            if items.len() > LIST_ITEMS {
                return Err(Reason::TooLong);
            }
            (0..items.len()).map(|at| cell(&items, at)).collect::<Result<Vec<_>, _>>()?.into()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let pair =
                columns.map(|(field, column)| Ok((field.name().clone(), cell(column, row)?)));
            Value::Object(pair.collect::<Result<_, Reason>>()?)
        }
        _ => return Err(Reason::BadShape),
    })
}

fn text(text: &str) -> Result<Value, Reason> {
    if text.len() > MAX_EVENT_BYTES { Err(Reason::TooLong) } else { Ok(text.into()) }
}
