//! What the collector adds to a record: tenant, source, time and sender.

use arrow::array::{ArrayBuilder, ArrayRef, Int64Builder, StringBuilder};
use arrow::error::ArrowError;
use std::sync::Arc;

use super::column::{append_texts, fill, ints, texts};
use crate::cmcd::{Mode, Record};
use crate::scrub;

/// Sources of requests that their server reported: one of our edges, in its delivery events, or
/// OTLP logs and spans.
pub const REPORTED: [&str; 2] = ["edge", "otlp"];

/// What the collector knows about a record besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Tenant whose viewer it is.
    pub tenant: &'a str,
    /// How it was sent.
    pub mode: Mode,
    /// The source that received it, as in the fates: `cmcd`, `cmcd_query`, `events`, or one of
    /// [`REPORTED`].
    pub source: &'a str,
    /// When it was received, Unix µs; for a reported request, when it was served.
    pub received_at: i64,
    /// The sender.
    pub about: About<'a>,
}

/// The sender as far as the request identifies it; an empty string is unknown. What a record
/// itself states takes precedence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// The player with its version.
    pub player: &'a str,
    /// The browser with its version.
    pub browser: &'a str,
    /// The operating system, with its version if known.
    pub os: &'a str,
    /// The kind of device, such as `tv`.
    pub device: &'a str,
    /// Country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// The autonomous system of the network.
    pub asn: Option<u32>,
}

/// Columns about senders, under construction.
#[derive(Debug, Default)]
pub(super) struct AboutColumns {
    /// In the order of [`NAMES`].
    words: [Option<StringBuilder>; NAMES.len()],
    asn: Option<Int64Builder>,
}

const NAMES: [&str; 5] = ["player", "browser", "os", "device", "country"];

impl AboutColumns {
    /// Appends row `row`. Device and country that the record states are left to its custom keys.
    pub(super) fn push(&mut self, row: usize, about: &About<'_>, record: &Record<'_>) {
        let Claims { player, os, device, country } = claims(record);
        let (player, os) = (player.unwrap_or(about.player), os.unwrap_or(about.os));
        let device = if device { "" } else { about.device };
        let country = if country { "" } else { about.country };
        let all = [player, about.browser, os, device, country];
        for (column, word) in self.words.iter_mut().zip(all).filter(|(_, word)| !word.is_empty()) {
            let column = column.get_or_insert_with(texts);
            fill(column, row);
            // A record may state a URL here, as in any custom key.
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

    /// The columns that have values, filled up to `rows` rows.
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

/// What a record states in our custom keys; an empty one states nothing.
#[derive(Debug, Default)]
struct Claims<'a> {
    player: Option<&'a str>,
    os: Option<&'a str>,
    /// Whether the record states a device.
    device: bool,
    /// Whether the record states a country.
    country: bool,
}

fn claims<'a>(record: &'a Record<'_>) -> Claims<'a> {
    let mut claims = Claims::default();
    for (key, value) in record.custom().iter().filter(|(_, value)| !value.is_empty()) {
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
