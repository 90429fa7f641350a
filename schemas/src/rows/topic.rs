//! The kinds of rows in topic `rows`, and how its entries hold them: each kind is a part.

use super::{DeliveryRow, FatesRow, PlaybackRow, ProgressRow};
use crate::control::{ActionRow, IncidentRow};
use crate::ipc::{self, IpcError, Stored};
use crate::record::Kind;

/// Rows of one kind in one entry: a few MB, far below what an entry may take.
const ROWS_PER_ENTRY: usize = 20_000;

/// A part of a log entry that does not hold what its kind says.
#[derive(Debug, thiserror::Error)]
#[error("a part of kind {kind:?} cannot be read: {source}")]
pub struct DecodeError {
    kind: Kind,
    source: IpcError,
}

/// A part of an entry: what it holds, and its payload.
pub type RowsPart = (Kind, Vec<u8>);

macro_rules! topic {
    ($($(#[doc = $doc:literal])* $name:ident: $row:ty as $kind:ident in $share:ident
       $(of $tenant:ident)?;)*) => {
        /// Rows of one emission, or of one log entry.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct TopicRows { $($(#[doc = $doc])* pub $name: Vec<$row>,)* }

        impl TopicRows {
            /// What there are rows of; [`TopicRows::decode`] passes over all else.
            pub const KINDS: &[Kind] = &[$(Kind::$kind),*];

            /// Adds the rows of another emission.
            pub fn extend(&mut self, other: Self) { $(self.$name.extend(other.$name);)* }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool { true $(&& self.$name.is_empty())* }

            /// Leaves only the rows of one tenant; progress belongs to all.
            pub fn retain_tenant(&mut self, tenant: &str) {
                $($(self.$name.retain(|row| row.$tenant == tenant);)?)*
            }

            /// The parts of one of `count` entries.
            fn parts(&self, at: usize, count: usize) -> Result<Vec<RowsPart>, IpcError> {
                let parts = [$(part(Kind::$kind, $share(&self.$name, at, count))?),*];
                Ok(parts.into_iter().flatten().collect())
            }

            /// Reads the parts of a log entry, given as (kind, payload). Kinds that a later version
            /// wrote are passed over.
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

// In the order of the parts. `each` and `last` say which entries of an emission have them, `of` what
// names the tenant; rows without it are shown to all.
topic! {
    /// Playback.
    playback: PlaybackRow as Playback in each of tenant;
    /// Delivery.
    delivery: DeliveryRow as DeliveryRows in each of tenant;
    /// Ends of records.
    fates: FatesRow as FatesRows in last of tenant;
    /// Actions, passed on as they came.
    actions: ActionRow as Actions in last of tenant;
    /// Incidents, likewise.
    incidents: IncidentRow as Incidents in last of tenant;
    /// How far the partitions are.
    progress: ProgressRow as Progress in last;
}

impl TopicRows {
    /// The rows as parts of entries, nearly always of one: they are read back together or not at
    /// all. Where one entry would be too large, progress is in the last, so that a crash in between
    /// has them all emitted again.
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
