//! The ledger of fates (ADR 9): the fate of every record, per second of log time, beside the number
//! that the collector says it accepted. The two are counted separately, so that they can disagree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::rows::FatesRow;

type Key = (i64, String, String, Fate, Reason);

/// Records of one key: as counted here by fate, and as counted by the collector.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Count {
    ends: u64,
    door: u64,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.ends += other.ends;
        self.door += other.door;
    }
}

/// Counts of the seconds that are not emitted yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Fates {
    panes: BTreeMap<Key, Count>,
    /// The key counted last: records of one kind come in runs, and a run allocates no strings.
    run: Option<(Key, Count)>,
}

impl Fates {
    /// Counts `ends` records with this fate at `log_ms`.
    pub fn add(&mut self, log_ms: i64, tenant: &str, source: &str, fate: Fate, ends: u64) {
        let count = Count { ends, door: 0 };
        self.count(log_ms, tenant, source, (fate, Reason::None), count);
    }

    fn count(&mut self, log_ms: i64, tenant: &str, source: &str, end: (Fate, Reason), n: Count) {
        let second = log_ms.div_euclid(1_000);
        if let Some((key, count)) = &mut self.run
            && (key.0, key.1.as_str(), key.2.as_str(), key.3, key.4)
                == (second, tenant, source, end.0, end.1)
        {
            count.add(n);
            return;
        }
        self.end_run();
        self.run = Some(((second, tenant.to_owned(), source.to_owned(), end.0, end.1), n));
    }

    fn end_run(&mut self) {
        if let Some((key, count)) = self.run.take() {
            self.panes.entry(key).or_default().add(count);
        }
    }

    /// Takes over the collector's counts. Refused records have their fate already; accepted ones
    /// get theirs here, record by record, or are missing in the balance.
    pub fn door(&mut self, log_ms: i64, count: &FateCount) {
        let refused = matches!(count.fate, Fate::Rejected | Fate::Shed);
        let end = (count.fate, count.reason);
        let n = Count { ends: if refused { count.events } else { 0 }, door: count.events };
        self.count(log_ms, &count.tenant, &count.source, end, n);
    }

    /// The rows of every second that is over; each comes once, complete.
    pub fn emit(&mut self, log_ms: i64, partition: u16, version: u64) -> Vec<FatesRow> {
        self.end_run();
        let second = log_ms.div_euclid(1_000);
        let open = self.panes.split_off(&(
            second,
            String::new(),
            String::new(),
            Fate::Accepted,
            Reason::None,
        ));
        std::mem::replace(&mut self.panes, open)
            .into_iter()
            .map(|((second, tenant, source, fate, reason), count)| FatesRow {
                pane: second * 1_000_000,
                partition,
                tenant,
                source,
                fate,
                reason,
                events: count.ends,
                version,
                door: Some(count.door),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_emitted_once_and_whole() {
        let mut fates = Fates::default();
        fates.add(1_100, "t", "cmcd", Fate::Accepted, 1);
        fates.add(1_900, "t", "cmcd", Fate::Accepted, 2);
        fates.add(2_000, "t", "cmcd", Fate::Duplicate, 1);
        assert!(fates.emit(1_950, 0, 7).is_empty());
        let rows = fates.emit(2_100, 0, 8);
        assert_eq!((rows.len(), rows[0].events, rows[0].pane), (1, 3, 1_000_000));
        assert_eq!(fates.emit(3_000, 0, 9).len(), 1);
        assert!(fates.emit(4_000, 0, 9).is_empty());
    }

    #[test]
    fn what_the_door_let_in_is_no_end_and_what_it_refused_is_one() {
        let mut fates = Fates::default();
        let count = |fate, reason| FateCount {
            tenant: "t".into(),
            source: "cmcd".into(),
            fate,
            reason,
            events: 5,
        };
        fates.door(0, &count(Fate::Accepted, Reason::None));
        fates.door(0, &count(Fate::Rejected, Reason::NoSid));
        fates.add(0, "t", "cmcd", Fate::Accepted, 3);
        fates.add(0, "t", "cmcd", Fate::Duplicate, 1);
        let rows = fates.emit(1_000, 0, 1);
        let got: Vec<_> = rows.iter().map(|row| (row.fate, row.door, row.events)).collect();
        let (accepted, rejected) = ((Fate::Accepted, Some(5), 3), (Fate::Rejected, Some(5), 5));
        assert_eq!(got, [accepted, (Fate::Duplicate, Some(0), 1), rejected]);
        // Ten received, nine ends: one record is unaccounted for.
        let sum = |of: fn(&FatesRow) -> u64| rows.iter().map(of).sum::<u64>();
        assert_eq!((sum(|row| row.door.unwrap()), sum(|row| row.events)), (10, 9));
    }
}
