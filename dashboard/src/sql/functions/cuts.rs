//! Spans as changes at the boundaries of panes.

use std::collections::BTreeMap;

/// The changes in a pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    /// Spans that began in it, minus those that ended.
    net: i64,
    /// Σ ±(pane end − t) over beginnings (+) and ends (−) at times t, µs.
    partial: i64,
}

/// A pane of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pane {
    /// Its beginning, Unix µs.
    pub(super) start: i64,
    /// Spans that last until its end or beyond it.
    pub(super) at_end: i64,
    /// The total time of spans in it, µs.
    pub(super) spent: i64,
}

/// The changes of any number of spans, by pane number.
#[derive(Debug, Clone, Default)]
pub(super) struct Cuts {
    width: i64,
    changes: BTreeMap<i64, Change>,
}

impl Cuts {
    /// Adds a span; one that is empty, or ends before it begins, is ignored. Returns whether its
    /// width is that of the others.
    pub(super) fn add(&mut self, from: i64, to: i64, width: i64) -> bool {
        if !self.has_width(width) {
            return false;
        }
        if to > from {
            self.step(from, 1);
            self.step(to, -1);
        }
        true
    }

    fn has_width(&mut self, width: i64) -> bool {
        if self.width == 0 {
            self.width = width;
        }
        self.width == width
    }

    /// Adds a beginning (`by` = 1) or an end (-1). A span that ends at a boundary lasts until the
    /// end of the pane before it.
    fn step(&mut self, at: i64, by: i64) {
        let pane = at.div_euclid(self.width);
        let left = self.width - at.rem_euclid(self.width);
        self.change(pane, Change { net: by, partial: by * left });
    }

    fn change(&mut self, pane: i64, by: Change) {
        let change = self.changes.entry(pane).or_default();
        change.net = change.net.saturating_add(by.net);
        change.partial = change.partial.saturating_add(by.partial);
    }

    /// All state as numbers.
    pub(super) fn numbers(&self) -> Vec<i64> {
        let changes = self.changes.iter();
        let changes = changes.flat_map(|(pane, change)| [*pane, change.net, change.partial]);
        std::iter::once(self.width).chain(changes).collect()
    }

    /// Adds the [`Self::numbers`] of another. Returns whether its width is the same.
    pub(super) fn merge(&mut self, numbers: &[i64]) -> bool {
        let Some((width, changes)) = numbers.split_first() else { return true };
        if *width == 0 {
            return true;
        }
        if !self.has_width(*width) {
            return false;
        }
        for change in changes.chunks_exact(3) {
            self.change(change[0], Change { net: change[1], partial: change[2] });
        }
        true
    }

    /// The number of panes from the first to the last change.
    pub(super) fn span(&self) -> u64 {
        match (self.changes.keys().next(), self.changes.keys().next_back()) {
            (Some(first), Some(last)) => last.abs_diff(*first).saturating_add(1),
            _ => 0,
        }
    }

    /// The panes that any span touches.
    pub(super) fn panes(&self) -> impl Iterator<Item = Pane> {
        let (first, last) = match (self.changes.keys().next(), self.changes.keys().next_back()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => (0, -1),
        };
        let mut open = 0_i64;
        (first..=last).filter_map(move |number| {
            let change = self.changes.get(&number).copied().unwrap_or_default();
            let spent = open.saturating_mul(self.width).saturating_add(change.partial);
            open += change.net;
            let start = number.saturating_mul(self.width);
            (open != 0 || spent != 0).then_some(Pane { start, at_end: open, spent })
        })
    }

    /// The approximate memory use in bytes.
    pub(super) fn bytes(&self) -> usize {
        // Number, change and the overhead of the tree.
        self.changes.len() * 40
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: i64 = 10_000;

    /// The panes of spans, computed directly from the definition.
    fn naive(spans: &[(i64, i64)]) -> Vec<Pane> {
        let number = |at: i64| at.div_euclid(WIDTH);
        let least = spans.iter().map(|(from, _)| number(*from)).min().unwrap_or(0);
        let most = spans.iter().map(|(_, to)| number(*to)).max().unwrap_or(0);
        let pane = |number: i64| {
            let (start, end) = (number * WIDTH, (number + 1) * WIDTH);
            let within = |(from, to): &(i64, i64)| (*to.min(&end) - *from.max(&start)).max(0);
            let lasts = |(from, to): &&(i64, i64)| *from < end && *to >= end;
            Pane {
                start,
                at_end: spans.iter().filter(lasts).count() as i64,
                spent: spans.iter().map(within).sum(),
            }
        };
        let all = (least..=most).map(pane);
        all.filter(|pane| pane.at_end != 0 || pane.spent != 0).collect()
    }

    /// Times at boundaries as often as any others.
    fn moment() -> impl Strategy<Value = i64> {
        prop_oneof![(-4_i64..8).prop_map(|n| n * WIDTH), -40_000_i64..80_000]
    }

    proptest! {
        #[test]
        fn panes_are_those_of_the_definition(
            spans in prop::collection::vec((moment(), moment()), 0..12),
            half in 0_usize..12,
        ) {
            let half = half.min(spans.len());
            let (mut one, mut other) = (Cuts::default(), Cuts::default());
            spans[..half].iter().for_each(|(from, to)| assert!(one.add(*from, *to, WIDTH)));
            spans[half..].iter().for_each(|(from, to)| assert!(other.add(*from, *to, WIDTH)));
            prop_assert!(one.merge(&other.numbers()));
            let real: Vec<_> = spans.into_iter().filter(|(from, to)| from < to).collect();
            prop_assert_eq!(one.panes().collect::<Vec<_>>(), naive(&real));
        }
    }

    #[test]
    fn one_width_is_for_all() {
        let mut cuts = Cuts::default();
        assert!(cuts.add(0, 5, WIDTH) && !cuts.add(0, 5, WIDTH + 1));
        assert!(!cuts.merge(&[1, 0, 1, 1]) && cuts.merge(&Cuts::default().numbers()));
    }
}
