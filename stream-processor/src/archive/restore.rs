//! The state as bytes, and back.

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;

use super::Archive;
use crate::pure::limits::Limits;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// Version of the state in snapshots. Any change of a type in it is a new version: older
/// snapshots are passed over then, and the log is read from its start.
pub const STATE_VERSION: u32 = 8;

#[derive(Serialize)]
struct StateRef<'a> {
    partitions: &'a Partitions,
    settle: &'a Settle,
    tables: Vec<u64>,
}

#[derive(Deserialize)]
struct State {
    partitions: Partitions,
    settle: Settle,
    /// Transactions of the tables when it was written: tables that say less were replaced.
    tables: Vec<u64>,
}

/// Where to go on from.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) position: u64,
    pub(crate) partitions: Partitions,
}

impl Archive {
    /// The state, as a snapshot at `position` holds it; `None` when it cannot be written down.
    pub(super) fn encode(&self, partitions: &Partitions) -> Option<Vec<u8>> {
        let tables = Table::ALL.map(|table| self.parts.history.transaction(table)).to_vec();
        let state = StateRef { partitions, settle: &self.settle, tables };
        match postcard::to_extend(&state, Vec::new()) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                tracing::error!(%error, "the state cannot be written down");
                None
            }
        }
    }

    /// Goes back to the newest snapshot of these partitions that fits the tables and the log, whose
    /// rows reach up to `covered`. Without one everything is read anew.
    pub(crate) fn restore(
        &mut self,
        of: (Shard, u16),
        limits: &Limits,
        covered: u64,
    ) -> Option<Restored> {
        self.parts.history.forget_hot();
        self.settle = Settle::default();
        (self.running, self.standing) = (None, None);
        self.stats.waiting_entries = 0;
        for snapshot in self.parts.snapshots.newest() {
            let position = snapshot.position;
            match decode(&snapshot.state) {
                Err(why) => tracing::warn!(position, why, "snapshot passed over"),
                Ok(state) => match self.unfit(&state, of, position, covered) {
                    Some(why) => tracing::warn!(position, why, "snapshot passed over"),
                    None => {
                        let State { mut partitions, settle, .. } = state;
                        partitions.set_limits(limits);
                        (self.settle, self.stats.snapshot) = (settle, position);
                        tracing::info!(position, "going on from a snapshot");
                        return Some(Restored { position, partitions });
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

fn decode(bytes: &[u8]) -> Result<State, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((state, [])) => Ok(state),
        Ok(_) => Err("there is more in it than a state".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
