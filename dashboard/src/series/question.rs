//! Which series can be requested, and the errors for those that cannot.

use serde::Deserialize;
use tallylight_schemas::metrics::{self, Formula, Metric};

use super::cuboid::MEASURES;
use crate::sql::nearest;

/// The dimensions of `session_spans`.
pub(super) const DIMENSIONS: [&str; 9] =
    ["cid", "edge", "pipeline", "bitrate_kbps", "country", "device", "os", "player", "asn"];
/// Most dimensions in one breakdown.
const MOST_BY: usize = 4;
const MINUTES: u32 = 30;
const MOST_MINUTES: u32 = 1_440;
const WIDTHS_S: [u32; 5] = [1, 10, 60, 300, 600];
/// Most panes of a series.
pub(super) const MOST_PANES: u32 = 720;
/// Most panes of a series when no width is requested.
const COMFORTABLE: u32 = 200;
const CELLS: usize = 10;
/// Most named cells of a cuboid; the others are summed up.
pub(super) const MOST_CELLS: usize = 200;

/// The query of a series.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeriesQuery {
    /// Dimensions, separated by commas; all viewers together if left out.
    by: Option<String>,
    /// A metric, or a measure of the cuboid.
    metric: Option<String>,
    /// A condition on spans, as after WHERE.
    r#where: Option<String>,
    /// How far back the series reaches.
    minutes: Option<u32>,
    /// Width of a pane.
    width_s: Option<u32>,
    /// How many cells are named.
    cells: Option<usize>,
}

/// What identifies a cuboid. Requests with the same key share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) by: Vec<&'static str>,
    pub(super) condition: String,
    pub(super) minutes: u32,
    pub(super) width_s: u32,
}

/// What is read from a cuboid.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Metric(&'static Metric),
    Measure(&'static str),
}

/// A valid request.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) key: Key,
    pub(super) value: Value,
    pub(super) cells: usize,
}

impl Question {
    /// The error says what can be requested.
    pub(super) fn read(query: SeriesQuery) -> Result<Self, String> {
        let by = dimensions(query.by.as_deref().unwrap_or_default())?;
        let value = value(query.metric.as_deref().unwrap_or("viewers"))?;
        let minutes = query.minutes.unwrap_or(MINUTES);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(format!("minutes is {minutes}; it must be 1 to {MOST_MINUTES}"));
        }
        let width_s = match query.width_s {
            Some(width_s) => width(width_s, minutes)?,
            None => comfortable(minutes),
        };
        let cells = query.cells.unwrap_or(CELLS);
        if !(1..=MOST_CELLS).contains(&cells) {
            return Err(format!("cells is {cells}; it must be 1 to {MOST_CELLS}"));
        }
        let condition = query.r#where.unwrap_or_default().trim().to_owned();
        Ok(Self { key: Key { by, condition, minutes, width_s }, value, cells })
    }
}

fn dimensions(list: &str) -> Result<Vec<&'static str>, String> {
    let mut by = Vec::new();
    for wanted in list.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
        let Some(known) = DIMENSIONS.into_iter().find(|known| *known == wanted) else {
            let near = nearest(wanted, DIMENSIONS);
            let hint = match near.is_empty() {
                true => format!("there are {}", DIMENSIONS.join(", ")),
                false => format!("did you mean {}?", near.join(" or ")),
            };
            return Err(format!("by names {wanted}, which is not a dimension; {hint}"));
        };
        if by.contains(&known) {
            return Err(format!("by names {wanted} twice; once is enough"));
        }
        by.push(known);
    }
    if by.len() > MOST_BY {
        return Err(format!("by names {} dimensions; at most {MOST_BY} at once", by.len()));
    }
    Ok(by)
}

/// Whether a cuboid holds every measure that the metric needs.
fn is_kept(metric: &Metric) -> bool {
    let known = |name: &&str| MEASURES.contains(name);
    match metric.formula {
        Formula::Gauge { of } => known(&of),
        Formula::Ratio { num, den, .. } => known(&num) && den.iter().all(known),
        Formula::Rate { .. } | Formula::Quantile { .. } => false,
    }
}

fn value(name: &str) -> Result<Value, String> {
    let kept = metrics::ALL.iter().filter(|metric| is_kept(metric));
    if let Some(metric) = kept.clone().find(|metric| metric.name == name) {
        return Ok(Value::Metric(metric));
    }
    if let Some(measure) = MEASURES.into_iter().find(|measure| *measure == name) {
        return Ok(Value::Measure(measure));
    }
    let mut names: Vec<&str> = kept.map(|metric| metric.name).collect();
    names.extend(MEASURES.into_iter().filter(|measure| *measure != "viewers"));
    let known = names.join(", ");
    Err(format!("metric is {name}; session_spans has {known}. Others are in /v1/feed and playback"))
}

fn width(width_s: u32, minutes: u32) -> Result<u32, String> {
    if !WIDTHS_S.contains(&width_s) {
        let widths = WIDTHS_S.map(|width| width.to_string()).join(", ");
        return Err(format!("width_s is {width_s}; it must be one of {widths}"));
    }
    let panes = minutes * 60 / width_s;
    if panes == 0 || panes > MOST_PANES {
        return Err(format!(
            "{minutes} minutes at width_s {width_s} are {panes} panes; 1 to {MOST_PANES} are \
             allowed. Use another width_s or fewer minutes"
        ));
    }
    Ok(width_s)
}

/// The smallest width at which a chart is no finer than it can be drawn.
fn comfortable(minutes: u32) -> u32 {
    let fits = |width: &u32| minutes * 60 / width <= COMFORTABLE;
    WIDTHS_S.into_iter().skip(1).find(fits).unwrap_or(600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(by: &str, metric: &str, minutes: u32, width_s: Option<u32>) -> Result<Key, String> {
        let (by, metric) = (Some(by.to_owned()), Some(metric.to_owned()));
        let minutes = Some(minutes);
        let query = SeriesQuery { by, metric, minutes, width_s, ..SeriesQuery::default() };
        Question::read(query).map(|question| question.key)
    }

    #[test]
    fn valid_requests_are_read_and_errors_name_the_valid_values() {
        let key = read("device, os", "rebuffer_ratio_pct", 30, None).unwrap();
        assert_eq!((key.by, key.width_s), (vec!["device", "os"], 10));
        for (minutes, width_s) in [(1, 10), (33, 10), (60, 60), (240, 300), (1_440, 600)] {
            assert_eq!(read("", "viewers", minutes, None).unwrap().width_s, width_s, "{minutes}");
        }
        for (by, metric, minutes, width_s, says) in [
            ("devise", "viewers", 30, None, "did you mean device?"),
            ("xyz", "viewers", 30, None, "there are cid, edge"),
            ("os,os", "viewers", 30, None, "twice"),
            ("os,cid,edge,asn,device", "viewers", 30, None, "at most 4"),
            ("os", "starts", 30, None, "viewers, rebuffer_ratio_pct, starting_ms"),
            ("os", "viewers", 0, None, "1 to 1440"),
            ("os", "viewers", 1_441, None, "1 to 1440"),
            ("os", "viewers", 30, Some(7), "one of 1, 10, 60"),
            ("os", "viewers", 30, Some(1), "1800 panes"),
            ("os", "viewers", 1, Some(600), "0 panes"),
        ] {
            let error = read(by, metric, minutes, width_s).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
