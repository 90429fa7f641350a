//! Open sessions as columns of table `sessions`, for questions about all of them. Columns that
//! are kept beside the sessions are copied, all at one moment; for other columns sessions are
//! read a page at a time, so that records are taken in between. The caller makes Arrow of both.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, DictionaryArray, Int64Array, RecordBatch};
use arrow::array::{StringArray, UInt32Array};
use arrow::datatypes::UInt32Type;
use arrow::error::ArrowError;
use arrow_select::dictionary::garbage_collect_dictionary;
use serde::{Deserialize, Serialize};
use tallylight_schemas::ipc::IpcError;
use tallylight_schemas::session::SessionRow;
use tallylight_schemas::tables::{open_sessions, session_columns};

use crate::pure::partition::PartitionState;
use crate::pure::session::Token;
use crate::pure::session::columns::{Column, Dimension, OpenColumns};

/// Sessions read before the next record is taken in.
const PAGE: usize = 2_048;

/// A question about open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuery {
    /// The tenant.
    pub tenant: String,
    /// Columns of table `sessions`, at least one.
    pub columns: Vec<String>,
    /// Where the previous page said to continue.
    pub from: OpenPlace,
}

/// A place among the sessions of a processor, to continue from. The default is the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPlace {
    /// Index of the partition.
    pub partition: usize,
    /// Place in it.
    pub slot: u32,
}

/// Some of the open sessions.
#[derive(Debug)]
pub struct OpenPage {
    /// The columns that were asked for, words as dictionaries where they are kept so.
    pub batches: Vec<RecordBatch>,
    /// Where to continue; `None` when these were the last.
    pub next: Option<OpenPlace>,
}

/// What is copied out of the state.
#[derive(Debug)]
pub(crate) enum Copied {
    Columns(Vec<OpenColumns>),
    Rows(Vec<SessionRow>, Option<OpenPlace>),
}

/// A column that is answered without reading a session.
enum Cheap {
    Kept(Dimension),
    Word(String),
    NotFinal,
}

fn cheap(column: &str, tenant: &str) -> Option<Cheap> {
    Some(Cheap::Kept(match column {
        "cid" => Dimension::Content,
        "edge" => Dimension::Edge,
        "pipeline" => Dimension::Pipeline,
        "country" => Dimension::Country,
        "device" => Dimension::Device,
        "os" => Dimension::Os,
        "player" => Dimension::Player,
        "asn" => Dimension::Asn,
        "state" => Dimension::State,
        "tenant" => return Some(Cheap::Word(tenant.to_owned())),
        "outcome" => return Some(Cheap::Word("playing".to_owned())),
        "final" => return Some(Cheap::NotFinal),
        _ => return None,
    }))
}

impl OpenQuery {
    /// How each column is answered without reading sessions, if all of them can be.
    fn cheap(&self) -> Option<Vec<Cheap>> {
        self.columns.iter().map(|column| cheap(column, &self.tenant)).collect()
    }

    /// A page from these states, for tests and measurements.
    pub fn ask(&self, states: &[PartitionState]) -> Result<OpenPage, IpcError> {
        self.page(self.copy(states))
    }

    /// Copies what is asked for: the only part during which events wait.
    pub(crate) fn copy(&self, states: &[PartitionState]) -> Copied {
        if let Some(cheap) = self.cheap() {
            let kept = cheap.iter().filter_map(|column| match column {
                Cheap::Kept(dimension) => Some(*dimension),
                _ => None,
            });
            let kept: Vec<Dimension> = kept.collect();
            let columns =
                states.iter().map(|state| state.sessions().open_columns(&self.tenant, &kept));
            return Copied::Columns(columns.collect());
        }
        let OpenPlace { partition, slot } = self.from;
        let Some(state) = states.get(partition) else { return Copied::Rows(Vec::new(), None) };
        let (rows, next) = state.sessions().open_rows(&self.tenant, slot, PAGE);
        let after = (partition + 1 < states.len())
            .then_some(OpenPlace { partition: partition + 1, slot: 0 });
        Copied::Rows(rows, next.map(|slot| OpenPlace { partition, slot }).or(after))
    }

    /// Makes Arrow batches of the copy.
    pub(crate) fn page(&self, copied: Copied) -> Result<OpenPage, IpcError> {
        // So that a wrong name is reported even when there is no session.
        session_columns(&self.columns)?;
        let (parts, cheap) = match (copied, self.cheap()) {
            (Copied::Columns(parts), Some(cheap)) => (parts, cheap),
            (Copied::Rows(rows, next), _) => {
                let batches = vec![open_sessions(&rows, &self.columns)?];
                return Ok(OpenPage { batches, next });
            }
            (Copied::Columns(_), None) => return Ok(OpenPage { batches: vec![], next: None }),
        };
        let batches = parts.into_iter().map(|part| self.batch(part, &cheap));
        Ok(OpenPage { batches: batches.collect::<Result<_, _>>()?, next: None })
    }

    fn batch(&self, part: OpenColumns, cheap: &[Cheap]) -> Result<RecordBatch, ArrowError> {
        let texts = part.words.iter().map(|text| text.as_deref().unwrap_or(""));
        let words: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let (rows, mut kept) = (part.rows, part.columns.into_iter());
        let arrays = self.columns.iter().zip(cheap).map(|(name, cheap)| {
            let array: ArrayRef = match cheap {
                Cheap::Kept(_) => match kept.next() {
                    Some(column) => array(column, &words)?,
                    None => return Err(ArrowError::SchemaError(format!("{name} is missing"))),
                },
                Cheap::Word(word) => {
                    let keys = UInt32Array::from(vec![0; rows]);
                    dictionary(keys, Arc::new(StringArray::from(vec![word.as_str()])))?
                }
                Cheap::NotFinal => Arc::new(BooleanArray::from(vec![false; rows])),
            };
            Ok((name, array, true))
        });
        let arrays = arrays.collect::<Result<Vec<_>, ArrowError>>()?;
        RecordBatch::try_from_iter_with_nullable(arrays)
    }
}

fn array(column: Column, words: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column {
        Column::Words(column) => {
            let keys = column.into_iter().map(|word| word.map(|word| word.place()));
            dictionary(keys.collect(), Arc::clone(words))
        }
        Column::Tokens(column) => {
            let keys = column.into_iter().map(|token| token.map(|token| token as u32));
            let names = StringArray::from_iter_values(Token::names());
            dictionary(keys.collect(), Arc::new(names))
        }
        Column::Numbers(column) => {
            let numbers = column.into_iter().map(|number| number.map(i64::from));
            Ok(Arc::new(numbers.collect::<Int64Array>()))
        }
    }
}

/// With only the words that occur in the column, and none of another column or tenant.
fn dictionary(keys: UInt32Array, words: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let all = DictionaryArray::<UInt32Type>::try_new(keys, words)?;
    Ok(Arc::new(garbage_collect_dictionary(&all)?))
}
