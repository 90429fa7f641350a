//! The cells of a setting's columns.

use serde_json::Value;

use super::source::Kind;

pub(super) fn is_number(kind: &Kind) -> bool {
    match kind {
        Kind::Plain(word) => *word == "integer",
        Kind::Named(of) | Kind::List(of) => is_number(of),
        Kind::Choice(_) | Kind::Table(_) => false,
    }
}

pub(super) fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Plain(word) => (*word).to_owned(),
        Kind::Choice(_) => "word".to_owned(),
        Kind::Table(_) => "section".to_owned(),
        Kind::List(of) => format!("list of {}s", type_of(of)),
        Kind::Named(of) => format!("{}s by name", type_of(of)),
    }
}

/// The unit, given by the suffix of a number's name.
pub(super) fn unit(name: &str) -> &'static str {
    let units = [
        ("per_s", "1/s"),
        ("per_day", "1/day"),
        ("ms", "ms"),
        ("s", "s"),
        ("bytes", "bytes"),
        ("kbps", "kbit/s"),
        ("pct", "%"),
        ("hours", "h"),
    ];
    // A number of hours of something: `cap_hours_1m`.
    let name = name.split_once("_hours_").map_or(name, |_| "hours");
    let ends =
        |end: &str| name == end || name.strip_suffix(end).is_some_and(|rest| rest.ends_with('_'));
    units.into_iter().find(|(end, _)| ends(end)).map_or("", |(_, unit)| unit)
}

pub(super) fn default_of(kind: &Kind, unit: &str, value: &Value) -> String {
    let of_tables = match kind {
        Kind::List(of) | Kind::Named(of) => matches!(of.as_ref(), Kind::Table(_)),
        _ => false,
    };
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(items) if of_tables => {
            names(items.iter().filter_map(|item| item.get("name")?.as_str()))
        }
        Value::Object(items) if of_tables => names(items.keys().map(String::as_str)),
        value => {
            let plain = toml::Value::try_from(value).unwrap().to_string();
            let short = value.as_u64().filter(|_| unit == "bytes").and_then(binary);
            format!("`{plain}`{}", short.map(|short| format!(" ({short})")).unwrap_or_default())
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Bytes in the largest unit that divides them.
fn binary(bytes: u64) -> Option<String> {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let (size, name) =
        units.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size))?;
    Some(format!("{} {name}", bytes / size))
}
