//! What the door knows about a record besides its text.

use arrow::array::{ArrayBuilder, ArrayRef, Int64Builder, StringBuilder};
use arrow::error::ArrowError;
use std::sync::Arc;

use super::column::{append_texts, fill, ints, texts};
use crate::cmcd::{Mode, Record};
use crate::scrub;

/// Sources of requests that were told of by who served them: an edge of ours, in its delivery
/// events, or logs and spans by OTLP.
pub const TOLD: [&str; 2] = ["edge", "otlp"];

/// Where a record came in, and from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door<'a> {
    /// Whose viewer.
    pub tenant: &'a str,
    /// How it came.
    pub mode: Mode,
    /// Where it came in, as the fates name it: `cmcd`, `cmcd_query`, `events`, or one of [`TOLD`].
    pub source: &'a str,
    /// When, Unix µs; of a request that was told of, when it was served.
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
#[derive(Debug, Default)]
pub(super) struct AboutColumns {
    /// As [`NAMES`].
    words: [Option<StringBuilder>; NAMES.len()],
    asn: Option<Int64Builder>,
}

const NAMES: [&str; 5] = ["player", "browser", "os", "device", "country"];

impl AboutColumns {
    /// Appends row `row`. Device and country that the record states stay where it states them.
    pub(super) fn push(&mut self, row: usize, about: &About<'_>, record: &Record<'_>) {
        let Claims { player, os, device, country } = claims(record);
        let (player, os) = (player.unwrap_or(about.player), os.unwrap_or(about.os));
        let device = if device { "" } else { about.device };
        let country = if country { "" } else { about.country };
        let all = [player, about.browser, os, device, country];
        for (column, word) in self.words.iter_mut().zip(all).filter(|(_, word)| !word.is_empty()) {
            let column = column.get_or_insert_with(texts);
            fill(column, row);
            // A record may state a URL, as in any other key of its own.
            column.append_value(scrub::other(word));
        }
        if let Some(asn) = about.asn {
            let column = self.asn.get_or_insert_with(ints);
            column.append_nulls(row - column.len());
            column.append_value(asn.into());
        }
    }

    /// Appends further rows, from row `row` on.
    pub(super) fn append(&mut self, row: usize, more: Self) -> Result<(), ArrowError> {
        for (all, more) in self.words.iter_mut().zip(more.words) {
            append_texts(all, row, more)?;
        }
        if let Some(mut more) = more.asn {
            let all = self.asn.get_or_insert_with(ints);
            all.append_nulls(row - all.len());
            all.append_array(&more.finish());
        }
        Ok(())
    }

    /// The columns that hold anything, of so many rows.
    pub(super) fn finish(self, rows: usize) -> Vec<(&'static str, ArrayRef)> {
        let mut named: Vec<(&str, ArrayRef)> = Vec::new();
        for (name, column) in NAMES.into_iter().zip(self.words) {
            if let Some(mut column) = column {
                fill(&mut column, rows);
                named.push((name, Arc::new(column.finish())));
            }
        }
        if let Some(mut column) = self.asn {
            column.append_nulls(rows - column.len());
            named.push(("asn", Arc::new(column.finish())));
        }
        named
    }
}

/// What a record itself states in keys of ours.
#[derive(Debug, Default)]
struct Claims<'a> {
    player: Option<&'a str>,
    os: Option<&'a str>,
    /// Whether it does.
    device: bool,
    country: bool,
}

fn claims<'a>(record: &'a Record<'_>) -> Claims<'a> {
    let mut claims = Claims::default();
    for (key, value) in record.custom() {
        match key.strip_prefix("com.tallylight-") {
            Some("player") => claims.player = Some(value),
            Some("os") => claims.os = Some(value),
            Some("device") => claims.device = true,
            Some("country") => claims.country = true,
            _ => {}
        }
    }
    claims
}
