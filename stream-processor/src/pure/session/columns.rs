//! The dimensions of every open session in columns: a question about a million sessions reads the
//! columns it names and not the sessions.

use std::sync::Arc;

use super::dimensions::Dimensions;
use super::fact::Token;
use super::words::{Word, Words};

/// A column that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Content id.
    Content,
    /// Edge.
    Edge,
    /// Pipeline.
    Pipeline,
    /// Country.
    Country,
    /// Device.
    Device,
    /// Operating system.
    Os,
    /// Player and its version.
    Player,
    /// Autonomous system of the network.
    Asn,
    /// CMCD `sta`.
    State,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Places in [`OpenColumns::words`].
    Words(Vec<Option<Word>>),
    /// Numbers.
    Numbers(Vec<Option<u32>>),
    /// States.
    Tokens(Vec<Option<Token>>),
}

/// Columns of all open sessions of a tenant in a partition, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenColumns {
    /// Sessions.
    pub rows: usize,
    /// In the order of the question.
    pub columns: Vec<Column>,
    /// The partition's words by number.
    pub words: Vec<Option<Arc<str>>>,
}

/// What columns show of an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) dimensions: Dimensions,
    pub(super) token: Option<Token>,
}

/// See the module. All columns are as long as there are places.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    tenants: Vec<Arc<str>>,
    /// The tenant of the open session in a place, by number from 1; 0 is none.
    tenant: Vec<u32>,
    words: [Vec<Option<Word>>; 7],
    asn: Vec<Option<u32>>,
    token: Vec<Option<Token>>,
}

impl Columns {
    /// Stores what is in a place now: an open session, or none.
    pub(super) fn set(&mut self, slot: u32, shown: Option<(&str, Shown)>) {
        let at = slot as usize;
        if at >= self.tenant.len() {
            self.tenant.resize(at + 1, 0);
            self.words.iter_mut().for_each(|column| column.resize(at + 1, None));
            self.asn.resize(at + 1, None);
            self.token.resize(at + 1, None);
        }
        let Some((tenant, Shown { dimensions: here, token })) = shown else {
            self.tenant[at] = 0;
            return;
        };
        self.tenant[at] = u32::try_from(self.place(tenant) + 1).unwrap_or(u32::MAX);
        let words = [
            here.content,
            here.edge,
            here.pipeline,
            here.country,
            here.device,
            here.os,
            here.player,
        ];
        self.words.iter_mut().zip(words).for_each(|(column, word)| column[at] = word);
        self.asn[at] = here.asn;
        self.token[at] = token;
    }

    /// A tenant's name, to be shared.
    pub(super) fn tenant(&mut self, name: &str) -> Arc<str> {
        let at = self.place(name);
        Arc::clone(&self.tenants[at])
    }

    /// A tenant's place among all. There are as many as the collector's keys name, a handful.
    fn place(&mut self, tenant: &str) -> usize {
        let known = self.tenants.iter().position(|known| **known == *tenant);
        known.unwrap_or_else(|| {
            self.tenants.push(Arc::from(tenant));
            self.tenants.len() - 1
        })
    }

    /// The places of a tenant's open sessions, from a place on.
    pub(super) fn open(&self, tenant: &str, from: u32) -> impl Iterator<Item = u32> {
        let known = self.tenants.iter().position(|known| **known == *tenant);
        let number = known.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        let there = (from..).zip(self.tenant.iter().skip(from as usize));
        there.filter(move |(_, of)| Some(**of) == number).map(|(slot, _)| slot)
    }

    /// The columns of a tenant's open sessions.
    pub(super) fn read(&self, tenant: &str, asked: &[Dimension], words: &Words) -> OpenColumns {
        let slots: Vec<u32> = self.open(tenant, 0).collect();
        let columns = asked.iter().map(|dimension| {
            let column = |at: usize| Column::Words(pick(&self.words[at], &slots));
            match dimension {
                Dimension::Content => column(0),
                Dimension::Edge => column(1),
                Dimension::Pipeline => column(2),
                Dimension::Country => column(3),
                Dimension::Device => column(4),
                Dimension::Os => column(5),
                Dimension::Player => column(6),
                Dimension::Asn => Column::Numbers(pick(&self.asn, &slots)),
                Dimension::State => Column::Tokens(pick(&self.token, &slots)),
            }
        });
        let columns = columns.collect();
        OpenColumns { rows: slots.len(), columns, words: words.texts().to_vec() }
    }
}

fn pick<T: Copy>(column: &[T], slots: &[u32]) -> Vec<T> {
    if slots.len() == column.len() {
        return column.to_vec();
    }
    slots.iter().map(|slot| column[*slot as usize]).collect()
}
