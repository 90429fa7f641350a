//! The ledger of ends (D9): what became of every record, per second of log time.

use std::collections::BTreeMap;

use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::rows::FatesRow;

type Key = (i64, String, String, Fate, Reason);

/// Counts of the seconds that are not emitted yet.
#[derive(Debug, Clone, Default)]
pub struct Fates {
    panes: BTreeMap<Key, u64>,
    /// The key counted last: records of one kind come in runs, and a run makes no strings.
    run: Option<(Key, u64)>,
}

impl Fates {
    /// Counts `events` records that came to `fate` at `log_ms`.
    pub fn add(&mut self, log_ms: i64, tenant: &str, source: &str, fate: Fate, events: u64) {
        self.add_reason(log_ms, tenant, source, (fate, Reason::None), events);
    }

    fn add_reason(&mut self, log_ms: i64, tenant: &str, source: &str, end: (Fate, Reason), n: u64) {
        let second = log_ms.div_euclid(1_000);
        if let Some((key, count)) = &mut self.run
            && (key.0, key.1.as_str(), key.2.as_str(), key.3, key.4)
                == (second, tenant, source, end.0, end.1)
        {
            *count += n;
            return;
        }
        self.end_run();
        self.run = Some(((second, tenant.to_owned(), source.to_owned(), end.0, end.1), n));
    }

    fn end_run(&mut self) {
        if let Some((key, count)) = self.run.take() {
            *self.panes.entry(key).or_default() += count;
        }
    }

    /// Takes over what the door refused. What it let in is counted here by its real end.
    pub fn door(&mut self, log_ms: i64, count: &FateCount) {
        if matches!(count.fate, Fate::Rejected | Fate::Shed) {
            let end = (count.fate, count.reason);
            self.add_reason(log_ms, &count.tenant, &count.source, end, count.events);
        }
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
            .map(|((second, tenant, source, fate, reason), events)| FatesRow {
                pane: second * 1_000_000,
                partition,
                tenant,
                source,
                fate,
                reason,
                events,
                version,
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
    fn the_door_is_asked_only_about_what_it_refused() {
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
        let rows = fates.emit(1_000, 0, 1);
        assert_eq!((rows.len(), rows[0].reason), (1, Reason::NoSid));
    }
}
