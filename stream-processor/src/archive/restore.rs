//! Where the processor continues from.

use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;

use super::Archive;
use super::state::State;
use crate::pure::limits::Limits;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// Where to continue from.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) position: u64,
    pub(crate) partitions: Partitions,
}

impl Archive {
    /// Goes back to the newest snapshot of these partitions that fits the tables and the log, whose
    /// rows reach up to `covered`. Without one everything is read again.
    pub(crate) fn restore(
        &mut self,
        of: (Shard, u16),
        limits: &Limits,
        covered: u64,
    ) -> Option<Restored> {
        self.parts.history.forget_hot();
        self.settle = Settle::default();
        (self.running, self.standing, self.taken) = (None, None, None);
        self.taking.give_up();
        self.looks.begin_again();
        // Reading starts again, so nothing is known yet.
        (self.known, self.log_us, self.stats.waiting_entries) = (0, 0, 0);
        self.read_before = covered.max(self.parts.kept());
        for snapshot in self.parts.snapshots.newest() {
            let position = snapshot.position;
            match State::read(&snapshot.state) {
                Err(why) => tracing::warn!(position, why, "snapshot passed over"),
                Ok(state) => match self.unfit(&state, of, position, covered) {
                    Some(why) => tracing::warn!(position, why, "snapshot passed over"),
                    None => {
                        let State { mut partitions, settle, .. } = state;
                        partitions.set_limits(limits);
                        (self.settle, self.known) = (settle, position);
                        self.log_us = partitions.log_us();
                        self.stats.snapshot = position;
                        tracing::info!(position, "going on from a snapshot");
                        return Some(Restored { position: partitions.position(), partitions });
                    }
                },
            }
        }
        self.stats.snapshot = 0;
        tracing::info!("no snapshot to go on from; reading the log from its start");
        None
    }

    fn unfit(
        &self,
        state: &State,
        (shard, partitions): (Shard, u16),
        position: u64,
        covered: u64,
    ) -> Option<String> {
        let now = Table::ALL.map(|table| self.parts.history.transaction(table));
        let older = Table::ALL.iter().zip(now.iter().zip(&state.tables));
        let older = older.filter(|(_, (now, then))| now < then).map(|(table, _)| table.name());
        if let Some(table) = older.into_iter().next() {
            return Some(format!("table {table} is older than it"));
        }
        if !state.partitions.are_of(shard, partitions) {
            return Some("it is of other partitions".to_owned());
        }
        (position > covered).then(|| "the rows topic is behind it".to_owned())
    }
}
