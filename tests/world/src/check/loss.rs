//! Entries that were lost before they were read are reported as lost, and nothing else is lost.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_eventlog::Entry;
use tallylight_schemas::ipc::{self, TenantDelivery};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::ProgressRow;

use super::{Outcome, truth};
use crate::player::T0;

/// A record, by sender, epoch and number.
type Id = (usize, (u32, u64));

/// The records of which no copy could be read.
pub(super) fn gone(outcome: &Outcome<'_>) -> BTreeSet<Id> {
    let mut gone = BTreeSet::new();
    if outcome.lost.is_empty() {
        return gone;
    }
    let read: BTreeSet<(String, u64, i64)> = outcome.kept().flat_map(names).collect();
    for (n, sender) in outcome.cast.senders().iter().enumerate() {
        for record in sender.records {
            let ts = (T0 + record.at + sender.skew) * 1_000;
            if !read.contains(&(sender.name.clone(), record.id.1, ts)) {
                gone.insert((n, record.id));
            }
        }
    }
    gone
}

/// The records in an entry: sender, number and the sender's time (Unix µs).
fn names(entry: &Entry) -> Vec<(String, u64, i64)> {
    let mut names = Vec::new();
    for part in &entry.parts {
        match Kind::from_code(part.kind) {
            Some(Kind::Player) => {
                let batch = ipc::decode(&part.payload).unwrap();
                let rows = PlayerRows::new(&batch).unwrap();
                names.extend((0..rows.len()).map(|row| {
                    let row = rows.get(row);
                    (row.sid.to_owned(), row.sn.unwrap(), row.ts.unwrap() * 1_000)
                }));
            }
            Some(Kind::Delivery) => {
                let rows: Vec<TenantDelivery> = ipc::decode_all(&part.payload).unwrap();
                names.extend(
                    rows.into_iter().map(|row| (row.event.source, row.event.seq, row.event.ts)),
                );
            }
            Some(_) => {}
            None => panic!("entry {} of events has a part of kind {}", entry.offset, part.kind),
        }
    }
    names
}

pub(super) async fn check(outcome: &Outcome<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let (reported, lost) = (reported(outcome).await, outcome.lost.end - outcome.lost.start);
    if reported != lost {
        problems.push(format!("{lost} entries are lost, and {reported} are reported"));
    }
    let (gone, kept) = (gone(outcome), truth::kept(outcome).await);
    let entries = outcome.events.iter().filter(|entry| outcome.lost.contains(&entry.offset));
    let beginnings: BTreeSet<String> = entries
        .flat_map(names)
        .filter(|(_, number, _)| *number == 0)
        .map(|(name, ..)| name)
        .collect();
    for (n, player) in outcome.cast.players.iter().enumerate() {
        // Without its first record a playback cannot be told from the next one.
        if beginnings.contains(&player.sid) {
            continue;
        }
        for truth in &player.truths {
            let own = player.records.iter().filter(|record| record.id.0 == truth.epoch);
            let (gone, read): (Vec<_>, Vec<_>) =
                own.partition(|record| gone.contains(&(n, record.id)));
            let Some(last) = read.last() else { continue };
            let missing =
                i64::try_from(last.id.1 + 1).unwrap() - i64::try_from(read.len()).unwrap();
            let at = (truth.sid.clone(), i64::from(truth.epoch));
            let got = kept.get(&at);
            let mut want = truth::numbers(truth);
            // Heartbeats may be lost without a change of state.
            let alive = gone
                .iter()
                .all(|record| record.line.starts_with("e=t,") && record.id.1 < last.id.1);
            if alive && let Some(events) = want.last_mut() {
                *events = Some(truth.events - missing);
            }
            let agrees = got.is_some_and(|(_, got, lost)| {
                *lost == Some(missing) && (!alive || truth::agrees(got, &want))
            });
            if !agrees {
                problems.push(format!(
                    "{missing} records of {truth:?} are lost, and history has {got:?}"
                ));
            }
        }
    }
    problems
}

/// The number of lost entries that the partitions reported last.
async fn reported(outcome: &Outcome<'_>) -> u64 {
    let mut newest = BTreeMap::new();
    for entry in outcome.log.read(ROWS, 0, usize::MAX).await.unwrap().entries {
        for part in entry.parts.iter().filter(|part| part.kind == Kind::Progress.code()) {
            let rows: Vec<ProgressRow> = ipc::decode_all(&part.payload).unwrap();
            newest.extend(rows.into_iter().map(|row| (row.partition, row.lost_entries)));
        }
    }
    newest.into_values().sum()
}
