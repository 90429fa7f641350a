//! How figures are said in evidence, forecasts and outcomes.

use serde::Serialize;

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

/// One line of what speaks for something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    what: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bad: bool,
}

impl Fact {
    /// What it was before.
    pub fn was(&mut self, was: Option<String>) -> &mut Self {
        self.was = was;
        self
    }

    /// Whether it breaks its limit: an operator looks at these first.
    pub fn bad(&mut self, bad: bool) -> &mut Self {
        self.bad = bad;
        self
    }
}

/// What speaks for something, as the records store it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence(Vec<Fact>);

impl Evidence {
    /// Adds a fact; what it was, and whether it is bad, can be said of it.
    pub fn add(&mut self, what: impl Into<String>, value: impl Into<String>) -> &mut Fact {
        let fact = Fact { what: what.into(), value: value.into(), was: None, bad: false };
        self.0.push_mut(fact)
    }

    /// As stored.
    pub fn text(&self) -> String {
        // Structs of strings always serialize.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}
