//! How far tables are repaired, and what remains.

use std::collections::BTreeSet;

use tallylight_store::history::{History, HistoryError};

use super::CHECKED;
use super::difference::{self, Difference, Wanted};
use crate::pure::limits::Limits;

/// The effect of late facts: as of now, and as far as each table is repaired.
#[derive(Debug)]
pub(super) struct Lateness {
    moments: Moments,
    differences: Vec<Difference>,
}

impl Lateness {
    /// The effect of late facts of these sids, read from `from` (log time, Unix µs) on at first,
    /// and of media services, of panes from `panes_from` on.
    pub(super) async fn of(
        history: &History,
        limits: &Limits,
        sids: &BTreeSet<(String, String)>,
        (from, panes_from): (i64, i64),
    ) -> Result<Self, HistoryError> {
        let moments = Moments::of(history, i64::MAX).await?;
        let asked = Wanted { sids, at: &moments.all, since: None, from, panes_from };
        let differences = difference::differences(history, limits, &asked).await?;
        Ok(Self { moments, differences })
    }

    /// Whether tables are repaired up to these moments and no further.
    pub(super) fn is_as_of(&self, moments: &Moments) -> bool {
        self.moments == *moments
    }

    /// The part that is repaired in each table in [`CHECKED`].
    pub(super) fn repaired(&self) -> impl Iterator<Item = &Difference> {
        self.moments.repaired.iter().map(|at| &self.differences[*at])
    }

    /// All of it, as if nothing had been late.
    pub(super) fn all(&self) -> &Difference {
        &self.differences[self.moments.last]
    }
}

/// The moments (log time, Unix µs) up to which tables are repaired, without repetitions: most
/// tables are repaired together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) all: Vec<i64>,
    /// The index of the moment of each table in [`CHECKED`].
    pub(super) repaired: [usize; CHECKED.len()],
    /// The index of the moment that they are compared with.
    pub(super) last: usize,
}

impl Moments {
    pub(super) async fn of(history: &History, last: i64) -> Result<Self, HistoryError> {
        let mut each = [0; CHECKED.len()];
        for (at, table) in each.iter_mut().zip(CHECKED) {
            let repaired = history.repaired(table).await?;
            *at = i64::try_from(repaired).unwrap_or(0).saturating_mul(1_000_000);
        }
        let all: BTreeSet<i64> = each.iter().copied().chain([last]).collect();
        let all: Vec<i64> = all.into_iter().collect();
        let place = |at: i64| all.partition_point(|one| *one < at);
        let (repaired, last) = (each.map(place), place(last));
        Ok(Self { all, repaired, last })
    }

    pub(super) fn first(&self) -> i64 {
        self.all.first().copied().unwrap_or(0)
    }
}
