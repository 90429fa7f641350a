//! An on-demand cuboid: panes by cell. Settled panes are kept; the others are read again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::question::MOST_CELLS;

/// The measures kept for each pane, in the order of [`Sums`].
pub(super) const MEASURES: [&str; 5] =
    ["viewers", "starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"];
/// The measures of one pane.
pub(super) type Sums = [i64; MEASURES.len()];
/// A value of each dimension; `None` is unknown.
pub(super) type Names = Vec<Option<String>>;

/// A reading answers all requests for at least this long.
const FRESH: Duration = Duration::from_millis(900);
/// It is reused for this many times its own duration, because the processor stalls for a part of
/// each reading, …
const REST: u32 = 20;
/// … but for no longer than this, because most of a first reading is spent on files.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How far the partitions are, Unix µs.
#[derive(Debug)]
pub(super) struct Reach {
    /// Log time.
    pub(super) log_time: i64,
    /// Nothing before this can change; `None` where it is not known.
    pub(super) settled: Option<i64>,
    /// What is missing in a sum over them.
    pub(super) partial: Vec<String>,
}

/// The panes from `first` to before `end`, by number; those from `from` on are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: i64,
    pub(super) from: i64,
    pub(super) end: i64,
}

/// Panes of one cell in one state, as they were read.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) names: Names,
    /// Index in [`MEASURES`] of its time; `None` where the state has no measure.
    pub(super) state: Option<usize>,
    /// Pane number, viewers at its end, time in the state, ms.
    pub(super) panes: Vec<(i64, i64, i64)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cuboid {
    read_at: Option<Instant>,
    took: Duration,
    /// Number of panes of the series.
    count: i64,
    /// Number of the first pane.
    first: i64,
    /// Panes before this one no longer change.
    settled: i64,
    cells: HashMap<Names, Vec<Sums>>,
    other: Vec<Sums>,
    /// Cells that exceeded the limit at a reading; the largest number there was.
    pub(super) folded: usize,
    /// Whether there was data before the first pane.
    known_before: bool,
    /// What was missing at the last reading.
    pub(super) partial: Vec<String>,
}

impl Cuboid {
    /// An empty cuboid of `count` panes.
    pub(super) fn new(count: u32) -> Self {
        Self {
            read_at: None,
            took: Duration::ZERO,
            count: i64::from(count),
            first: i64::MIN,
            settled: i64::MIN,
            cells: HashMap::new(),
            other: Vec::new(),
            folded: 0,
            known_before: false,
            partial: Vec::new(),
        }
    }

    /// Whether the last reading can still be reused.
    pub(super) fn is_fresh(&self) -> bool {
        let rest = FRESH + LONGEST_REST.min(REST * self.took);
        self.read_at.is_some_and(|at| at.elapsed() < rest)
    }

    /// Notes how long the newest reading took.
    pub(super) fn has_taken(&mut self, took: Duration) {
        self.took = took;
    }

    /// Whether it was never read.
    pub(super) fn is_empty(&self) -> bool {
        self.read_at.is_none()
    }

    /// Number of the first pane.
    pub(super) fn first(&self) -> i64 {
        self.first
    }

    /// Panes before this one can no longer change.
    pub(super) fn settled(&self) -> i64 {
        self.settled.max(self.first)
    }

    /// The panes that end at `end`, and which of them must be read.
    pub(super) fn range(&self, end: i64) -> Range {
        // Log time never goes back, but the processor that reports it may restart from an earlier
        // time.
        let end = end.max(self.first.saturating_add(self.count));
        let first = end - self.count;
        Range { first, from: self.settled.clamp(first, end), end }
    }

    /// Takes in what was read of `range`; panes before `settled` no longer change.
    pub(super) fn take(&mut self, range: Range, pieces: &[Piece], settled: Option<i64>) {
        self.move_to(range);
        self.admit(pieces);
        for piece in pieces {
            let cell = self.cells.get_mut(&piece.names);
            let sums = cell.unwrap_or(&mut self.other);
            for (number, viewers, ms) in &piece.panes {
                let at = usize::try_from(number - range.first).ok();
                let Some(sum) = at.and_then(|at| sums.get_mut(at)) else { continue };
                sum[0] += viewers;
                piece.state.into_iter().for_each(|state| sum[state] += ms);
            }
        }
        self.settled = settled.unwrap_or(i64::MIN).min(range.end).max(range.from);
        self.cells.retain(|_, sums| !all_zero(sums));
        if all_zero(&self.other) {
            self.folded = 0;
        }
        self.read_at = Some(Instant::now());
    }

    /// Moves to the range: keeps its settled panes and empties the others.
    fn move_to(&mut self, range: Range) {
        let gone = usize::try_from(range.first.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let kept = usize::try_from(range.from - range.first).unwrap_or(0);
        let count = usize::try_from(self.count).unwrap_or(0);
        for sums in self.cells.values_mut().chain([&mut self.other]) {
            let gone = sums.drain(..gone.min(sums.len()));
            self.known_before |= !all_zero(gone.as_slice());
            drop(gone);
            sums.truncate(kept);
            sums.resize(count, Sums::default());
        }
        self.first = range.first;
    }

    /// Adds new cells while there is room, those with most viewers first.
    fn admit(&mut self, pieces: &[Piece]) {
        let mut news: HashMap<&Names, i64> = HashMap::new();
        for piece in pieces.iter().filter(|piece| !self.cells.contains_key(&piece.names)) {
            let viewers = piece.panes.iter().map(|(_, viewers, _)| viewers).sum::<i64>();
            *news.entry(&piece.names).or_default() += viewers;
        }
        let mut news: Vec<_> = news.into_iter().map(|(names, viewers)| (-viewers, names)).collect();
        news.sort_unstable();
        let room = MOST_CELLS.saturating_sub(self.cells.len()).min(news.len());
        let count = usize::try_from(self.count).unwrap_or(0);
        let empty = || vec![Sums::default(); count];
        self.cells.extend(news[..room].iter().map(|(_, names)| ((*names).clone(), empty())));
        self.folded = self.folded.max(news.len() - room);
    }

    /// The cells, those with most viewers first.
    pub(super) fn ranked(&self) -> Vec<(&Names, &[Sums])> {
        let mut all: Vec<(&Names, &[Sums])> =
            self.cells.iter().map(|(names, sums)| (names, sums.as_slice())).collect();
        all.sort_by_cached_key(|(names, sums)| (-viewers(sums), (*names).clone()));
        all
    }

    /// The first pane with data. Values before it are unknown, not 0.
    pub(super) fn known_from(&self, total: &[Sums]) -> usize {
        let first = || total.iter().position(|sum| *sum != Sums::default());
        if self.known_before { 0 } else { first().unwrap_or(total.len()) }
    }

    /// The sum of the cells beyond the limit.
    pub(super) fn other(&self) -> &[Sums] {
        &self.other
    }
}

fn all_zero(sums: &[Sums]) -> bool {
    sums.iter().all(|sum| *sum == Sums::default())
}

fn viewers(sums: &[Sums]) -> i64 {
    sums.iter().map(|sum| sum[0]).sum()
}

/// Adds one pane to another.
pub(super) fn add(sum: &mut Sums, more: &Sums) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(name: &str, panes: Vec<(i64, i64, i64)>) -> Piece {
        Piece { names: vec![Some(name.to_owned())], state: Some(2), panes }
    }

    fn seen(cuboid: &Cuboid, name: &str) -> Vec<i64> {
        let cell = cuboid.cells.get(&vec![Some(name.to_owned())]);
        cell.map(|sums| sums.iter().map(|sum| sum[0]).collect()).unwrap_or_default()
    }

    #[test]
    fn settled_panes_are_kept_and_the_others_read_again() {
        let mut cuboid = Cuboid::new(4);
        let range = cuboid.range(10);
        assert_eq!(range, Range { first: 6, from: 6, end: 10 });
        cuboid.take(range, &[piece("tv", vec![(6, 1, 9), (7, 2, 9), (9, 3, 9)])], Some(8));
        assert_eq!(seen(&cuboid, "tv"), [1, 2, 0, 3]);
        let range = cuboid.range(11);
        assert_eq!(range, Range { first: 7, from: 8, end: 11 });
        cuboid.take(range, &[piece("tv", vec![(8, 5, 9), (10, 6, 9)])], Some(9));
        assert_eq!(seen(&cuboid, "tv"), [2, 5, 0, 6]);
        assert_eq!(cuboid.settled(), 9);
        // After a pause longer than the series, none of it is left.
        let range = cuboid.range(30);
        assert_eq!(range, Range { first: 26, from: 26, end: 30 });
        cuboid.take(range, &[piece("web", vec![(29, 1, 1)])], None);
        assert_eq!((seen(&cuboid, "tv").len(), seen(&cuboid, "web")), (0, vec![0, 0, 0, 1]));
        assert_eq!(cuboid.range(29), Range { first: 26, from: 26, end: 30 }, "no way back");
    }

    #[test]
    fn the_largest_cells_have_a_name_and_nothing_is_lost() {
        let mut cuboid = Cuboid::new(2);
        let many = |at: i64| (0..300).map(move |n| piece(&format!("n{n}"), vec![(at, n + 1, 1)]));
        let range = cuboid.range(2);
        cuboid.take(range, &many(0).collect::<Vec<_>>(), Some(1));
        assert_eq!((cuboid.cells.len(), cuboid.folded), (MOST_CELLS, 100));
        assert_eq!(cuboid.ranked()[0].0, &vec![Some("n299".to_owned())]);
        assert_eq!(cuboid.other()[0][0], (1..=100).sum::<i64>());
        // A cell beyond the limit stays unnamed while there is no room.
        cuboid.take(cuboid.range(2), &many(1).collect::<Vec<_>>(), Some(1));
        let all: i64 = cuboid.ranked().iter().map(|(_, sums)| sums[1][0]).sum();
        assert_eq!(all + cuboid.other()[1][0], (1..=300).sum::<i64>());
        assert_eq!(cuboid.other()[0][0], (1..=100).sum::<i64>());
    }
}
