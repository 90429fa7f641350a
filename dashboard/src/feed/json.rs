//! Rows as JSON.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use tallylight_schemas::rows::{Cell, Cuboid, DeliveryRow, FatesRow, Measures, PlaybackRow};
use tallylight_schemas::sketch::Sketch;
use tallylight_store::live::Summed;

#[derive(Debug, Serialize)]
pub(super) struct PlaybackJson<'a> {
    cuboid: Cuboid,
    pane: i64,
    cell: CellJson<'a>,
    m: NonZero<'a>,
    startup: Bins<'a>,
    latency: Bins<'a>,
    r#final: bool,
    partial: bool,
}

impl<'a> From<&'a Summed<PlaybackRow>> for PlaybackJson<'a> {
    fn from(row: &'a Summed<PlaybackRow>) -> Self {
        Self {
            cuboid: row.key.cuboid,
            pane: row.pane.div_euclid(1_000),
            cell: CellJson(&row.key.cell),
            m: NonZero(&row.sum.measures),
            startup: Bins(&row.sum.startup),
            latency: Bins(&row.sum.latency),
            r#final: row.is_final,
            partial: row.partial,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct DeliveryJson<'a> {
    pane: i64,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<&'a str>,
    stream: &'a str,
    track: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<u64>,
    action: &'a str,
    requests: i64,
    bytes: i64,
    errors: i64,
    ok: i64,
    redirects: i64,
    server_errors: i64,
    hits: i64,
    held_ms: i64,
    ttfb: Bins<'a>,
    held: Bins<'a>,
    r#final: bool,
}

impl<'a> From<&'a Summed<DeliveryRow>> for DeliveryJson<'a> {
    fn from(row: &'a Summed<DeliveryRow>) -> Self {
        Self {
            pane: row.pane.div_euclid(1_000),
            service: &row.key.service,
            edge: row.key.edge.as_deref(),
            pipeline: row.key.pipeline.as_deref(),
            stream: &row.key.stream,
            track: &row.key.track,
            k: row.key.k,
            action: &row.key.action,
            requests: row.sum.requests,
            bytes: row.sum.bytes,
            errors: row.sum.errors,
            ok: row.sum.ok,
            redirects: row.sum.redirects,
            server_errors: row.sum.server_errors,
            hits: row.sum.hits,
            held_ms: row.sum.held_ms,
            ttfb: Bins(&row.sum.ttfb),
            held: Bins(&row.sum.held),
            r#final: row.is_final,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct FatesJson<'a> {
    pane: i64,
    tenant: &'a str,
    source: &'a str,
    fate: &'static str,
    reason: &'static str,
    events: u64,
    door: u64,
}

impl<'a> From<&'a Summed<FatesRow>> for FatesJson<'a> {
    fn from(row: &'a Summed<FatesRow>) -> Self {
        Self {
            pane: row.pane.div_euclid(1_000),
            tenant: &row.key.tenant,
            source: &row.key.source,
            fate: row.key.fate.as_str(),
            reason: row.key.reason.as_str(),
            events: row.sum.events,
            door: row.sum.door,
        }
    }
}

/// The known values of dimensions; the cuboid says which dimensions there are.
#[derive(Debug)]
struct CellJson<'a>(&'a Cell);

impl Serialize for CellJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let cell = self.0;
        let mut map = to.serialize_map(None)?;
        for (name, value) in [
            ("content", &cell.content),
            ("edge", &cell.edge),
            ("pipeline", &cell.pipeline),
            ("rendition", &cell.rendition),
            ("country", &cell.country),
            ("device", &cell.device),
            ("player", &cell.player),
            ("os", &cell.os),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(asn) = cell.asn {
            // Dimensions are always strings, so that clients group by all of them alike.
            map.serialize_entry("asn", &asn.to_string())?;
        }
        map.end()
    }
}

/// The measures that are not zero.
#[derive(Debug)]
struct NonZero<'a>(&'a Measures);

impl Serialize for NonZero<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for name in Measures::NAMES {
            if let Some(value) = self.0.get(name).filter(|value| *value != 0) {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

/// A sketch as pairs of bin index and count.
#[derive(Debug)]
struct Bins<'a>(&'a Sketch);

impl Serialize for Bins<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut pairs = to.serialize_seq(Some(self.0.bins().len()))?;
        for bin in self.0.bins() {
            pairs.serialize_element(&(bin.i, bin.n))?;
        }
        pairs.end()
    }
}
