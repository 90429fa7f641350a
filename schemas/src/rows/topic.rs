//! The kinds of rows in topic `rows`. Each kind is a part of an entry.

use super::{DeliveryRow, FatesRow, PlaybackRow, ProgressRow};
use crate::control::{ActionRow, IncidentRow};
use crate::ipc::{self, IpcError, Stored};
use crate::record::Kind;

/// At most this many rows of a kind in one entry: a few MB, far below the limit of an entry.
const ROWS_PER_ENTRY: usize = 20_000;

/// A part of a log entry that cannot be decoded as its kind.
#[derive(Debug, thiserror::Error)]
#[error("a part of kind {kind:?} cannot be read: {source}")]
pub struct DecodeError {
    kind: Kind,
    source: IpcError,
}

/// A part of an entry: its kind and its payload.
pub type RowsPart = (Kind, Vec<u8>);

macro_rules! topic {
    ($($(#[doc = $doc:literal])* $name:ident: $row:ty as $kind:ident in $share:ident
       $(of $tenant:ident)?;)*) => {
        /// Rows of one emission, or of one log entry.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct TopicRows { $($(#[doc = $doc])* pub $name: Vec<$row>,)* }

        impl TopicRows {
            /// The kinds of rows; [`TopicRows::decode`] ignores all others.
            pub const KINDS: &[Kind] = &[$(Kind::$kind),*];

            /// Adds the rows of another emission.
            pub fn extend(&mut self, other: Self) { $(self.$name.extend(other.$name);)* }

            /// Whether there are no rows.
            pub fn is_empty(&self) -> bool { true $(&& self.$name.is_empty())* }

            /// Keeps only the rows of one tenant, and the progress, which belongs to all.
            pub fn retain_tenant(&mut self, tenant: &str) {
                $($(self.$name.retain(|row| row.$tenant == tenant);)?)*
            }

            /// The parts of entry `at` of `count`.
            fn parts(&self, at: usize, count: usize) -> Result<Vec<RowsPart>, IpcError> {
                let parts = [$(part(Kind::$kind, $share(&self.$name, at, count))?),*];
                Ok(parts.into_iter().flatten().collect())
            }

            /// Decodes the parts of a log entry, given as (kind, payload). Unknown kinds, written
            /// by a later version, are ignored.
            pub fn decode<'a>(
                parts: impl IntoIterator<Item = (u16, &'a [u8])>,
            ) -> Result<Self, DecodeError> {
                let mut rows = Self::default();
                for (code, payload) in parts {
                    match Kind::from_code(code) {
                        $(Some(kind @ Kind::$kind) => rows.$name.extend(decode(kind, payload)?),)*
                        _ => {}
                    }
                }
                Ok(rows)
            }
        }
    };
}

// In the order of the parts. `each` and `last` say which entries of an emission contain the rows,
// `of` names the tenant's field; rows without one are shown to all tenants.
topic! {
    /// Playback.
    playback: PlaybackRow as Playback in each of tenant;
    /// Delivery.
    delivery: DeliveryRow as DeliveryRows in each of tenant;
    /// Fates of records.
    fates: FatesRow as FatesRows in last of tenant;
    /// Actions, passed on unchanged.
    actions: ActionRow as Actions in last of tenant;
    /// Incidents, likewise.
    incidents: IncidentRow as Incidents in last of tenant;
    /// Progress of the partitions.
    progress: ProgressRow as Progress in last;
}

impl TopicRows {
    /// The rows as parts of entries. There is nearly always one entry, which is read back whole or
    /// not at all. Where one would be too large, the last entry has the progress, so that after a
    /// crash in between all rows are emitted again.
    pub fn encode(&self) -> Result<Vec<Vec<RowsPart>>, IpcError> {
        let most = self.playback.len().max(self.delivery.len());
        let count = most.div_ceil(ROWS_PER_ENTRY).max(1);
        (0..count).map(|at| self.parts(at, count)).collect()
    }
}

fn each<T>(rows: &[T], at: usize, _count: usize) -> &[T] {
    rows.chunks(ROWS_PER_ENTRY).nth(at).unwrap_or(&[])
}

fn last<T>(rows: &[T], at: usize, count: usize) -> &[T] {
    if at + 1 == count { rows } else { &[] }
}

fn part<T: Stored>(kind: Kind, rows: &[T]) -> Result<Option<RowsPart>, IpcError> {
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some((kind, ipc::encode_all(rows)?)))
}

fn decode<T: Stored>(kind: Kind, payload: &[u8]) -> Result<Vec<T>, DecodeError> {
    ipc::decode_all(payload).map_err(|source| DecodeError { kind, source })
}
