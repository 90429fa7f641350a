//! The format of figures in evidence, forecasts and outcomes.

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

/// One line of evidence.
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
    /// The earlier value.
    pub fn was(&mut self, was: Option<String>) -> &mut Self {
        self.was = was;
        self
    }

    /// Whether it breaks its limit: operators look at these lines first.
    pub fn bad(&mut self, bad: bool) -> &mut Self {
        self.bad = bad;
        self
    }
}

/// Evidence as the records store it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence(Vec<Fact>);

impl Evidence {
    /// Adds a fact; its earlier value and whether it is bad can be added.
    pub fn add(&mut self, what: impl Into<String>, value: impl Into<String>) -> &mut Fact {
        let fact = Fact { what: what.into(), value: value.into(), was: None, bad: false };
        self.0.push_mut(fact)
    }

    /// In stored form.
    pub fn text(&self) -> String {
        // Structs of strings always serialize.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}
