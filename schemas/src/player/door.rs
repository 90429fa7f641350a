//! What the door knows about a record besides its text.

use arrow::array::{ArrayRef, Int64Builder, StringBuilder};
use std::sync::Arc;

use super::column::{ints, texts};
use crate::cmcd::{Mode, Record};

/// Where a record came in, and from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door<'a> {
    /// Whose viewer.
    pub tenant: &'a str,
    /// How it came.
    pub mode: Mode,
    /// Where it came in, as the fates name it: `cmcd`, `cmcd_query`, `events`.
    pub source: &'a str,
    /// When, Unix µs.
    pub received_at: i64,
    /// Who sent it.
    pub about: About<'a>,
}

/// The sender as far as the request told; an empty word is unknown. What a record itself
/// states counts before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// The player with its version.
    pub player: &'a str,
    /// The browser with its version.
    pub browser: &'a str,
    /// The operating system, with its version where that is told.
    pub os: &'a str,
    /// The kind of device, such as `tv`.
    pub device: &'a str,
    /// Country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// The autonomous system of the network.
    pub asn: Option<u32>,
}

/// Columns of what the door knows of senders, while they are written.
#[derive(Debug)]
pub(super) struct AboutColumns {
    /// As [`NAMES`].
    words: [Words; NAMES.len()],
    asn: Int64Builder,
    asns: usize,
}

const NAMES: [&str; 5] = ["player", "browser", "os", "device", "country"];

#[derive(Debug)]
struct Words {
    column: StringBuilder,
    some: bool,
}

impl Default for AboutColumns {
    fn default() -> Self {
        let words = NAMES.map(|_| Words { column: texts(), some: false });
        Self { words, asn: ints(), asns: 0 }
    }
}

impl AboutColumns {
    /// Appends a row. Device and country that the record states stay where it states them.
    pub(super) fn push(&mut self, about: &About<'_>, record: &Record<'_>) {
        let player = claimed(record, "com.tallylight-player").unwrap_or(about.player);
        let os = claimed(record, "com.tallylight-os").unwrap_or(about.os);
        let unless = |key, word| if claimed(record, key).is_some() { "" } else { word };
        let device = unless("com.tallylight-device", about.device);
        let country = unless("com.tallylight-country", about.country);
        let all = [player, about.browser, os, device, country];
        for (words, word) in self.words.iter_mut().zip(all) {
            words.some |= !word.is_empty();
            words.column.append_option((!word.is_empty()).then_some(word));
        }
        self.asns += usize::from(about.asn.is_some());
        self.asn.append_option(about.asn.map(i64::from));
    }

    /// The columns that hold anything.
    pub(super) fn finish(mut self) -> Vec<(&'static str, ArrayRef)> {
        let words = NAMES.into_iter().zip(&mut self.words).filter(|(_, words)| words.some);
        let mut named: Vec<(&str, ArrayRef)> = words
            .map(|(name, words)| (name, Arc::new(words.column.finish()) as ArrayRef))
            .collect();
        if self.asns > 0 {
            named.push(("asn", Arc::new(self.asn.finish())));
        }
        named
    }
}

/// What the record itself states, in a key of ours.
fn claimed<'a>(record: &'a Record<'_>, name: &str) -> Option<&'a str> {
    let mut keys = record.custom().iter();
    keys.find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
}
