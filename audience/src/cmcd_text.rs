//! CMCD as a player writes it: keys sorted, strings quoted, one record a line.

use std::fmt::Write;

/// A record being written. Keys are added in any order and sorted at the end.
#[derive(Debug, Default, Clone)]
pub struct Record(Vec<(String, String)>);

impl Record {
    /// A token or number: `key=value`.
    #[must_use]
    pub fn token(mut self, key: &str, value: impl ToString) -> Self {
        self.0.push((key.to_owned(), value.to_string()));
        self
    }

    /// A quoted string.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Self {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        self.token(key, format!("\"{escaped}\""))
    }

    /// An inner list of one number for one object type: `key=(value;ot)`.
    #[must_use]
    pub fn of_type(self, key: &str, value: i64, object_type: &str) -> Self {
        self.token(key, format!("({value};{object_type})"))
    }

    /// The line.
    pub fn line(mut self) -> String {
        self.0.sort();
        let mut line = String::new();
        for (key, value) in &self.0 {
            let comma = if line.is_empty() { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(line, "{comma}{key}={value}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sorted_keys_and_escaped_strings() {
        let record = Record::default().token("v", 2).text("sid", "a\"b").of_type("br", 500, "v");
        assert_eq!(record.line(), r#"br=(500;v),sid="a\"b",v=2"#);
    }
}
