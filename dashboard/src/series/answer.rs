//! The answer read from a cuboid.

use std::collections::BTreeMap;

use serde::Serialize;
use tallylight_schemas::metrics;
use tallylight_schemas::rows::Measures;
use tallylight_schemas::sketch::Sketch;

use super::cuboid::{Cuboid, MEASURES, Sums, add};
use super::question::{Question, Value};

/// The answer. The i-th value of a series belongs to the pane that begins at
/// `from` + i × `width_s`; NULL is unknown.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    by: Vec<&'static str>,
    metric: &'static str,
    unit: &'static str,
    width_s: u32,
    /// Unix ms.
    from: i64,
    /// Panes before this can no longer change, Unix ms.
    settled_up_to: i64,
    total: Vec<Option<f64>>,
    cells: Vec<Cell>,
    #[serde(rename = "__other__")]
    other: Option<Other>,
    /// Why data is missing; empty where nothing is.
    partial: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Cell {
    is: BTreeMap<&'static str, Option<String>>,
    values: Vec<Option<f64>>,
}

/// The sum of the cells that are not named.
#[derive(Debug, Serialize)]
struct Other {
    cells: usize,
    values: Vec<Option<f64>>,
}

impl Answer {
    /// Names the cells with most viewers, and sums up all others.
    pub(super) fn new(question: &Question, cuboid: &Cuboid, partial: Vec<String>) -> Self {
        let ranked = cuboid.ranked();
        let (named, rest) = ranked.split_at(question.cells.min(ranked.len()));
        let mut other = cuboid.other().to_vec();
        rest.iter().for_each(|(_, sums)| add_all(&mut other, sums));
        let mut total = other.clone();
        named.iter().for_each(|(_, sums)| add_all(&mut total, sums));
        let known = cuboid.known_from(&total);
        let width_s = question.key.width_s;
        let values = |sums: &[Sums]| {
            let of =
                |(at, sum)| if at < known { None } else { value(question.value, sum, width_s) };
            sums.iter().enumerate().map(of).collect::<Vec<_>>()
        };
        let cell = |(names, sums): &(&Vec<Option<String>>, &[Sums])| Cell {
            is: question.key.by.iter().copied().zip(names.iter().cloned()).collect(),
            values: values(sums),
        };
        let unnamed = rest.len() + cuboid.folded;
        let ms = |pane: i64| pane * i64::from(width_s) * 1_000;
        let (metric, unit) = match question.value {
            Value::Metric(metric) => (metric.name, metric.unit),
            Value::Measure(measure) => (measure, "ms"),
        };
        Self {
            by: question.key.by.clone(),
            metric,
            unit,
            width_s,
            from: ms(cuboid.first()),
            settled_up_to: ms(cuboid.settled()),
            total: values(&total),
            cells: named.iter().map(cell).collect(),
            other: (unnamed > 0).then(|| Other { cells: unnamed, values: values(&other) }),
            partial,
        }
    }
}

fn add_all(sums: &mut [Sums], more: &[Sums]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| add(sum, more));
}

fn value(value: Value, sum: &Sums, width_s: u32) -> Option<f64> {
    match value {
        Value::Measure(name) => {
            let at = MEASURES.iter().position(|measure| *measure == name)?;
            Some(sum[at] as f64)
        }
        Value::Metric(metric) => {
            let [viewers, starting_ms, playing_ms, rebuffering_ms, seeking_ms] = *sum;
            let sums = Measures {
                viewers,
                starting_ms,
                playing_ms,
                rebuffering_ms,
                seeking_ms,
                ..Measures::default()
            };
            let none = Sketch::default();
            metrics::evaluate(metric, &sums, &none, &none, f64::from(width_s))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use tallylight_schemas::rows::OTHER;

    #[test]
    fn the_rest_is_named_as_in_rows() {
        assert!(serde_json::to_value(Answer::default()).unwrap().get(OTHER).is_some());
    }
}
