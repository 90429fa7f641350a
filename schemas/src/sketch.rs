//! A mergeable quantile sketch over whole milliseconds: DDSketch with 1 % relative error,
//! stored as sparse bins so that a plain sum in any engine merges it.
//!
//! Counts are signed: the windower removes a value when an event that arrived out of order
//! changes an earlier result.

use serde::{Deserialize, Serialize};

/// Relative error of a quantile.
pub const RELATIVE_ERROR: f64 = 0.01;

/// γ of the sketch: (1 + α) / (1 − α).
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);

/// One bin: `n` values whose logarithm to base γ rounds up to `i`. Bin −1 holds zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Bin index.
    pub i: i32,
    /// Values in it.
    pub n: i64,
}

impl Bin {
    /// `n` times the value. This computes a logarithm, so make the bin once for a value that goes
    /// into several sketches.
    pub fn of(value: i64, n: i64) -> Self {
        Self { i: index(value), n }
    }
}

/// Sparse bins in ascending order of index; no bin holds zero values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sketch(Vec<Bin>);

impl Sketch {
    /// Adds `n` times the value (in the metric's unit; below 1 counts as zero).
    pub fn add(&mut self, value: i64, n: i64) {
        self.add_bin(Bin::of(value, n));
    }

    /// Adds every value of `other`, `sign` being 1 or −1.
    pub fn merge(&mut self, other: &Sketch, sign: i64) {
        for bin in &other.0 {
            self.add_bin(Bin { i: bin.i, n: bin.n.saturating_mul(sign) });
        }
    }

    /// Adds the values of a bin.
    pub fn add_bin(&mut self, bin: Bin) {
        if bin.n == 0 {
            return;
        }
        match self.0.binary_search_by_key(&bin.i, |b| b.i) {
            Ok(at) => {
                self.0[at].n = self.0[at].n.saturating_add(bin.n);
                if self.0[at].n == 0 {
                    self.0.remove(at);
                }
            }
            Err(at) => self.0.insert(at, bin),
        }
    }

    /// Number of values.
    pub fn count(&self) -> i64 {
        self.0.iter().fold(0, |sum: i64, bin| sum.saturating_add(bin.n))
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at quantile `q` in 0..=1 (nearest rank), or `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count <= 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * (count - 1) as f64).round() as i64;
        let mut seen = 0;
        for bin in &self.0 {
            seen = bin.n.saturating_add(seen);
            if seen > rank {
                return Some(value(bin.i));
            }
        }
        self.0.last().map(|bin| value(bin.i))
    }

    /// The bins, ascending.
    pub fn bins(&self) -> &[Bin] {
        &self.0
    }
}

impl FromIterator<Bin> for Sketch {
    /// Bins in any order, as stored in a table; bins of the same index are added.
    fn from_iter<T: IntoIterator<Item = Bin>>(bins: T) -> Self {
        let mut all: Vec<Bin> = bins.into_iter().collect();
        all.sort_by_key(|bin| bin.i);
        all.dedup_by(|next, bin| {
            let same = next.i == bin.i;
            if same {
                bin.n = bin.n.saturating_add(next.n);
            }
            same
        });
        all.retain(|bin| bin.n != 0);
        Self(all)
    }
}

fn index(value: i64) -> i32 {
    if value < 1 { -1 } else { ((value as f64).ln() / GAMMA.ln()).ceil() as i32 }
}

fn value(index: i32) -> f64 {
    if index < 0 { 0.0 } else { 2.0 * GAMMA.powi(index) / (GAMMA + 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One insertion at a time, the descending ones would take a minute.
    #[test]
    fn bins_of_any_order_and_number_are_added_at_once() {
        let bins = (0..200_000).map(|i| Bin { i, n: 1 });
        let ascending: Sketch = bins.clone().collect();
        assert_eq!(bins.clone().rev().collect::<Sketch>(), ascending);
        let twice: Sketch = bins.clone().chain(bins.clone().rev()).collect();
        assert_eq!((twice.bins().len(), twice.count()), (200_000, 400_000));
        let none = bins.clone().chain(bins.map(|bin| Bin { n: -1, ..bin }));
        assert!(none.collect::<Sketch>().is_empty());
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_one_percent(mut values in prop::collection::vec(0_i64..10_000_000, 1..200), q in 0.0_f64..=1.0) {
            let mut sketch = Sketch::default();
            for v in &values {
                sketch.add(*v, 1);
            }
            values.sort_unstable();
            let exact = values[(q * (values.len() - 1) as f64).round() as usize] as f64;
            let got = sketch.quantile(q).unwrap();
            prop_assert!((got - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9) + 1e-9, "{got} for {exact}");
        }

        #[test]
        fn removing_every_value_leaves_nothing(values in prop::collection::vec(0_i64..10_000_000, 0..50)) {
            let (mut whole, mut part) = (Sketch::default(), Sketch::default());
            for v in &values {
                whole.add(*v, 1);
                part.add(*v, 1);
            }
            whole.merge(&part, -1);
            prop_assert!(whole.is_empty());
        }
    }
}
