//! Sequence numbers as ranges.

use serde::{Deserialize, Serialize};

/// Ranges kept before the two lowest are joined.
const MAX_RANGES: usize = 64;

/// Numbers as ascending ranges, both ends included; beyond [`MAX_RANGES`] the lowest are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers(Ranges);

/// Nearly every session has one range, and there are many sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Ranges {
    One([(u64, u64); 1]),
    Others(Vec<(u64, u64)>),
}

impl Default for Ranges {
    fn default() -> Self {
        Self::Others(Vec::new())
    }
}

impl Ranges {
    fn ranges(&self) -> &[(u64, u64)] {
        match self {
            Self::One(one) => one,
            Self::Others(all) => all,
        }
    }

    fn edit<T>(&mut self, edit: impl FnOnce(&mut Vec<(u64, u64)>) -> T) -> T {
        let mut all = match std::mem::take(self) {
            Self::One(one) => one.to_vec(),
            Self::Others(all) => all,
        };
        let out = edit(&mut all);
        *self = match *all.as_slice() {
            [one] => Self::One([one]),
            _ => Self::Others(all),
        };
        out
    }
}

impl Numbers {
    pub(super) fn ranges(&self) -> &[(u64, u64)] {
        self.0.ranges()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// Whether a number is among them.
    pub fn contains(&self, n: u64) -> bool {
        let ranges = self.ranges();
        let at = ranges.partition_point(|(_, last)| *last < n);
        ranges.get(at).is_some_and(|(first, _)| *first <= n)
    }

    /// The highest.
    pub fn last(&self) -> Option<u64> {
        self.ranges().last().map(|(_, last)| *last)
    }

    /// Adds a number; answers whether it is new.
    pub fn insert(&mut self, n: u64) -> bool {
        if let Ranges::One([(_, last)]) = &mut self.0
            && last.checked_add(1) == Some(n)
        {
            *last = n;
            return true;
        }
        if self.contains(n) {
            return false;
        }
        self.0.edit(|ranges| join(ranges, n));
        true
    }
}

/// Adds a number that is in no range.
fn join(ranges: &mut Vec<(u64, u64)>, n: u64) {
    let at = ranges.partition_point(|(_, last)| *last < n);
    let joins_before = at > 0 && ranges[at - 1].1.saturating_add(1) == n;
    let joins_after = ranges.get(at).is_some_and(|(first, _)| n.saturating_add(1) == *first);
    match (joins_before, joins_after) {
        (true, true) => {
            ranges[at - 1].1 = ranges[at].1;
            ranges.remove(at);
        }
        (true, false) => ranges[at - 1].1 = n,
        (false, true) => ranges[at].0 = n,
        (false, false) => ranges.insert(at, (n, n)),
    }
    if ranges.len() > MAX_RANGES {
        ranges[1].0 = ranges[0].0;
        ranges.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0_u64..100, 0..120)) {
            let mut ranges = Numbers::default();
            for n in &numbers {
                ranges.insert(*n);
            }
            for n in 0..100 {
                prop_assert_eq!(ranges.contains(n), numbers.contains(&n));
            }
        }
    }
}
