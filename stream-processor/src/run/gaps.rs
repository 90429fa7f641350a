//! Which missing entries were counted: after a rewind the same gaps are passed again.

use std::ops::Range;

/// Ranges kept apart. Beyond that the two nearest are joined: if what is between them is lost
/// later, it is not counted, and the least is between the nearest.
const MOST: usize = 64;

/// Ranges of offsets, ascending; none touches the next.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Range<u64>>);

impl Gaps {
    /// Adds a gap; answers the ranges of it that were in none before.
    pub(super) fn add(&mut self, gap: Range<u64>) -> Vec<Range<u64>> {
        // The known ones that it overlaps or touches.
        let first = self.0.partition_point(|known| known.end < gap.start);
        let after = self.0.partition_point(|known| known.start <= gap.end);
        let (mut news, mut from) = (Vec::new(), gap.start);
        for known in &self.0[first..after] {
            if from < known.start {
                news.push(from..known.start);
            }
            from = from.max(known.end);
        }
        if from < gap.end {
            news.push(from..gap.end);
        }
        let all = self.0[first..after]
            .iter()
            .fold(gap, |all, known| all.start.min(known.start)..all.end.max(known.end));
        drop(self.0.splice(first..after, [all]));
        self.keep_bound();
        news
    }

    fn keep_bound(&mut self) {
        if self.0.len() <= MOST {
            return;
        }
        let between = |at: &usize| self.0[*at].start - self.0[*at - 1].end;
        let nearest = (1..self.0.len()).min_by_key(between);
        if let Some(at) = nearest {
            self.0[at - 1].end = self.0[at].end;
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_gap_what_is_new_is_answered_and_memory_is_bounded() {
        let mut gaps = Gaps::default();
        let mut news = |gap| -> Vec<(u64, u64)> {
            gaps.add(gap).into_iter().map(|new| (new.start, new.end)).collect()
        };
        assert_eq!(news(1_990..2_000), [(1_990, 2_000)]);
        assert_eq!(news(500..1_500), [(500, 1_500)]);
        assert_eq!(news(400..2_100), [(400, 500), (1_500, 1_990), (2_000, 2_100)]);
        assert!(news(400..2_100).is_empty());
        for at in 0..200 {
            assert_eq!(news(3_000 + at * 10..3_001 + at * 10).len(), 1);
        }
        assert!(gaps.0.len() <= MOST && gaps.0.is_sorted_by_key(|known| known.start));
    }
}
