//! A log whose partitions are spread over several orders (ADR 25).

use std::sync::Arc;

use tallylight_schemas::ident::Shard;

use crate::EventLog;

/// All shards of a log, each a log with its own order. There is no order between shards.
#[derive(Debug, Clone)]
pub struct Shards {
    logs: Arc<[Arc<dyn EventLog>]>,
}

impl Shards {
    /// The shards of one log, in order; `None` if one is missing.
    pub fn new(logs: Vec<Arc<dyn EventLog>>) -> Option<Self> {
        let of = u16::try_from(logs.len()).ok()?;
        let complete = (0..of).zip(&logs).all(|(n, log)| Shard::new(n, of) == Some(log.shard()));
        (complete && of > 0).then(|| Self { logs: logs.into() })
    }

    /// The number of shards.
    pub fn count(&self) -> u16 {
        u16::try_from(self.logs.len()).unwrap_or(u16::MAX)
    }

    /// The shard that contains a partition.
    pub fn of(&self, partition: u16) -> &Arc<dyn EventLog> {
        &self.logs[usize::from(partition) % self.logs.len()]
    }

    /// All shards, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn EventLog>> {
        self.logs.iter()
    }

    /// Closes all shards.
    pub async fn close(&self) {
        for log in self.iter() {
            log.close().await;
        }
    }
}

/// A log with one order is its only shard.
impl<L: EventLog + 'static> From<Arc<L>> for Shards {
    fn from(log: Arc<L>) -> Self {
        Self::from(log as Arc<dyn EventLog>)
    }
}

/// A log with one order is its only shard.
impl From<Arc<dyn EventLog>> for Shards {
    fn from(log: Arc<dyn EventLog>) -> Self {
        Self { logs: Arc::new([log]) }
    }
}
