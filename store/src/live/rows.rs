//! The rows of one log entry.

use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::record::Kind;
use tallylight_schemas::rows::{DeliveryRow, FatesRow, PlaybackRow, ProgressRow};

/// A part of a log entry that does not hold what its kind says.
#[derive(Debug, thiserror::Error)]
#[error("a part of kind {kind:?} cannot be read: {source}")]
pub struct DecodeError {
    kind: Kind,
    source: IpcError,
}

/// What one emission of the windower says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Playback.
    pub playback: Vec<PlaybackRow>,
    /// Delivery.
    pub delivery: Vec<DeliveryRow>,
    /// Fates.
    pub fates: Vec<FatesRow>,
    /// How far the partitions are.
    pub progress: Vec<ProgressRow>,
    /// Actions.
    pub actions: Vec<ActionRow>,
    /// Incidents.
    pub incidents: Vec<IncidentRow>,
}

impl Rows {
    /// Reads the parts of a log entry, given as (kind, payload). Kinds that a later version
    /// wrote are passed over.
    pub fn decode<'a>(
        parts: impl IntoIterator<Item = (u16, &'a [u8])>,
    ) -> Result<Self, DecodeError> {
        let mut rows = Self::default();
        for (code, payload) in parts {
            let Some(kind) = Kind::from_code(code) else { continue };
            let read = match kind {
                Kind::Playback => extend(&mut rows.playback, payload),
                Kind::DeliveryRows => extend(&mut rows.delivery, payload),
                Kind::FatesRows => extend(&mut rows.fates, payload),
                Kind::Progress => extend(&mut rows.progress, payload),
                Kind::Actions => extend(&mut rows.actions, payload),
                Kind::Incidents => extend(&mut rows.incidents, payload),
                Kind::Player
                | Kind::Delivery
                | Kind::DoorFates
                | Kind::InfraMetrics
                | Kind::DeadLetters
                | Kind::Tick => Ok(()),
            };
            read.map_err(|source| DecodeError { kind, source })?;
        }
        Ok(rows)
    }

    /// Leaves only the rows of one tenant; progress belongs to all.
    pub fn retain_tenant(&mut self, tenant: &str) {
        self.playback.retain(|row| row.tenant == tenant);
        self.delivery.retain(|row| row.tenant == tenant);
        self.fates.retain(|row| row.tenant == tenant);
        self.actions.retain(|row| row.tenant == tenant);
        self.incidents.retain(|row| row.tenant == tenant);
    }
}

fn extend<T: ipc::Stored>(to: &mut Vec<T>, payload: &[u8]) -> Result<(), IpcError> {
    to.append(&mut ipc::decode_all(payload)?);
    Ok(())
}
