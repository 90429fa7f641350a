//! How figures are said in evidence, forecasts and outcomes.

use serde_json::json;

/// `1.62 s`, `40 ms`.
pub fn seconds(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.0} ms") } else { format!("{:.2} s", ms / 1_000.0) }
}

/// `3.1 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `12 Mb/s`.
pub fn rate(kbps: u64) -> String {
    if kbps < 10_000 { format!("{kbps} kb/s") } else { format!("{} Mb/s", kbps / 1_000) }
}

/// `1 viewer`, `7 viewers`.
pub fn viewers(number: i64) -> String {
    if number == 1 { "1 viewer".into() } else { format!("{number} viewers") }
}

/// What speaks for something, as the records store it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence(Vec<serde_json::Value>);

impl Evidence {
    /// Adds a fact.
    pub fn add(&mut self, what: impl Into<String>, value: impl Into<String>) {
        let (what, value): (String, String) = (what.into(), value.into());
        self.0.push(json!({"what": what, "value": value}));
    }

    /// Adds a fact and what it was before.
    pub fn add_was(
        &mut self,
        what: impl Into<String>,
        value: impl Into<String>,
        was: Option<String>,
    ) {
        let Some(was) = was else { return self.add(what, value) };
        let (what, value): (String, String) = (what.into(), value.into());
        self.0.push(json!({"what": what, "value": value, "was": was}));
    }

    /// As stored.
    pub fn text(&self) -> String {
        serde_json::Value::Array(self.0.clone()).to_string()
    }
}
