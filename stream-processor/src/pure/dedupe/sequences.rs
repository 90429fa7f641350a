//! Delivery events by (source, boot, seq). A partition sees only its share of a reporter's
//! numbers, so gaps mean nothing here, and ranges would not stay short: a sliding bitmap.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tallylight_schemas::delivery::DeliveryEvent;

/// Numbers behind the newest that are still distinguished. Reporters hold 10,000 at most, so
/// anything older is a repetition.
const WINDOW: u64 = 32_768;
const WORDS: usize = (WINDOW / 64) as usize;
/// Lives of one reporter that are remembered: those seen first most recently. A boot is any number
/// that changes at each start, so its size does not show its age.
const BOOTS: usize = 4;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Boot {
    boot: u64,
    next: u64,
    bits: Box<[u64]>,
}

impl Boot {
    fn new(boot: u64) -> Self {
        Self { boot, next: 0, bits: vec![0; WORDS].into_boxed_slice() }
    }

    fn insert(&mut self, seq: u64) -> bool {
        if seq >= self.next {
            let skipped = seq - self.next;
            if skipped >= WINDOW {
                self.bits.fill(0);
            } else {
                (self.next..=seq).for_each(|n| self.clear(n));
            }
            self.next = seq.saturating_add(1);
        } else if seq.saturating_add(WINDOW) < self.next {
            return false;
        }
        let (word, bit) = place(seq);
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        new
    }

    fn clear(&mut self, seq: u64) {
        let (word, bit) = place(seq);
        self.bits[word] &= !bit;
    }
}

fn place(seq: u64) -> (usize, u64) {
    let slot = seq % WINDOW;
    (usize::try_from(slot / 64).unwrap_or(0), 1 << (slot % 64))
}

/// The numbers seen of every reporter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sequences {
    reporters: FxHashMap<(String, String), Vec<Boot>>,
    order: VecDeque<(String, String)>,
}

impl Sequences {
    /// Whether the event is new; it is known from then on. Beyond `capacity` reporters the
    /// one known longest is forgotten.
    pub fn insert(&mut self, tenant: &str, event: &DeliveryEvent, capacity: usize) -> bool {
        let key = (tenant.to_owned(), event.source.clone());
        if !self.reporters.contains_key(&key) {
            while self.order.len() >= capacity.max(1) {
                if let Some(oldest) = self.order.pop_front() {
                    self.reporters.remove(&oldest);
                }
            }
            self.order.push_back(key.clone());
        }
        let boots = self.reporters.entry(key).or_default();
        let at = match boots.iter().position(|boot| boot.boot == event.boot) {
            Some(at) => at,
            None => {
                if boots.len() >= BOOTS {
                    boots.remove(0);
                }
                boots.push(Boot::new(event.boot));
                boots.len() - 1
            }
        };
        boots[at].insert(event.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use proptest::prelude::*;
    use tallylight_schemas::delivery::{Action, Service};

    pub(crate) fn event(boot: u64, seq: u64) -> DeliveryEvent {
        DeliveryEvent {
            source: "edge-e1".into(),
            boot,
            seq,
            ts: 0,
            service: Service::Edge,
            action: Action::Get,
            stream: "demo".into(),
            track: "v-360".into(),
            k: Some(1),
            status: 200,
            bytes: 1,
            ttfb_us: 0,
            held_us: 0,
            hit: None,
            edge: Some("e1".into()),
            pipeline: Some("A".into()),
            sid: None,
            cid: None,
            reserved_kbps: None,
            capacity_kbps: None,
            sessions: None,
            late_us: None,
            defect: None,
        }
    }

    #[test]
    fn numbers_far_behind_are_repetitions_and_a_new_boot_starts_over() {
        let mut seqs = Sequences::default();
        assert!(seqs.insert("t", &event(1, 100_000), 8));
        assert!(!seqs.insert("t", &event(1, 5), 8));
        assert!(seqs.insert("t", &event(1, 99_000), 8));
        assert!(!seqs.insert("t", &event(1, 99_000), 8));
        assert!(seqs.insert("t", &event(2, 5), 8));
        assert!(seqs.insert("u", &event(1, 5), 8));
    }

    #[test]
    fn beyond_the_lives_kept_the_one_known_longest_is_forgotten_whatever_its_number() {
        let mut seqs = Sequences::default();
        // The newest life has the smallest number, as a random boot may.
        for boot in [50, 40, 90, 30, 7] {
            assert!((0..3).all(|seq| seqs.insert("t", &event(boot, seq), 8)), "boot {boot}");
        }
        for boot in [40, 90, 30, 7] {
            assert!(!(0..3).any(|seq| seqs.insert("t", &event(boot, seq), 8)), "boot {boot}");
        }
        assert!(seqs.reporters.values().all(|boots| boots.len() == BOOTS));
        assert!(seqs.insert("t", &event(50, 0), 8), "the first life is forgotten");
    }

    #[test]
    fn reporters_are_bounded() {
        let mut seqs = Sequences::default();
        for tenant in 0..100 {
            seqs.insert(&tenant.to_string(), &event(1, 0), 8);
        }
        assert!(seqs.reporters.len() <= 8 && seqs.order.len() <= 8);
    }

    proptest! {
        #[test]
        fn within_the_window_it_is_a_set(numbers in prop::collection::vec(0_u64..20_000, 0..300)) {
            let (mut seqs, mut set) = (Sequences::default(), HashSet::new());
            for n in numbers {
                prop_assert_eq!(seqs.insert("t", &event(1, n), 8), set.insert(n));
            }
        }
    }
}
