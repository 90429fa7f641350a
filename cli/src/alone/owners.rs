//! The processors of other processes, found in Kafka's group of owners and asked over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use serde::Serialize;
use tallylight_dashboard::OpenSessions;
use tallylight_eventlog::kafka::Kafka;
use tallylight_schemas::session::SessionRow;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::{Unwritten, Writers};
use tallylight_stream_processor::audit::Reach;
use tallylight_stream_processor::{OpenPlace, newest};

use super::hot::{Asked, OfShard};
use super::open::{self, Wanted};
use super::unwritten;
use crate::live;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// All processors of a log.
#[derive(Debug)]
pub(super) struct Owners {
    kafka: Arc<Kafka>,
    client: reqwest::Client,
}

impl Owners {
    pub(super) fn new(kafka: Arc<Kafka>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { kafka, client })
    }

    /// What they answer of each shard, and who does; an error names what is missing, so that
    /// nothing is taken for nothing.
    async fn ask(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<Vec<(OfShard, String)>, String> {
        let owners = self.kafka.owners().await.map_err(|error| error.to_string())?;
        let answers = owners.iter().map(async |owner| {
            let answer = self.client.get(format!("{owner}{path}")).query(query).send().await;
            let answer = answer.and_then(reqwest::Response::error_for_status)?;
            answer.json::<Vec<OfShard>>().await
        });
        let (mut shards, mut silent) = (BTreeMap::<u16, (OfShard, String)>::new(), Vec::new());
        for (answer, owner) in join_all(answers).await.into_iter().zip(&owners) {
            let Ok(answer) = answer else {
                silent.push(owner.as_str());
                continue;
            };
            for of in answer {
                let known = shards.get(&of.shard).map(|(known, _)| known.position);
                if known.is_none_or(|known| known < of.position) {
                    shards.insert(of.shard, (of, owner.clone()));
                }
            }
        }
        let missing: Vec<String> = (0..self.kafka.shards())
            .filter(|shard| !shards.contains_key(shard))
            .map(|shard| shard.to_string())
            .collect();
        if missing.is_empty() {
            return Ok(shards.into_values().collect());
        }
        let mut why = format!("nobody answers for shard {}", missing.join(", "));
        if !silent.is_empty() {
            why += &format!("; {} does not answer", silent.join(", "));
        }
        Err(why)
    }
}

#[async_trait]
impl tallylight_dashboard::Sessions for Owners {
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String> {
        let asked = Asked { tenant: tenant.to_owned(), sid: sid.map(str::to_owned), limit };
        let shards = self.ask("/v1/sessions", &asked).await?;
        let mut rows = shards.into_iter().flat_map(|(of, _)| of.sessions).collect();
        newest(&mut rows, limit);
        Ok(rows)
    }

    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String> {
        let shards = self.ask("/v1/shards", &()).await?.into_iter().map(|(of, owner)| {
            let client = self.client.clone();
            let (shard, tenant, columns) = (of.shard, tenant.to_owned(), columns.join(","));
            live::pages(move |OpenPlace { partition, slot }| {
                let (tenant, columns) = (tenant.clone(), columns.clone());
                let wanted = Wanted { shard, tenant, columns, partition, slot };
                open::ask(client.clone(), owner.clone(), wanted)
            })
        });
        Ok(shards.collect())
    }
}

#[async_trait]
impl Writers for Owners {
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String> {
        let shards = self.ask("/v1/shards", &()).await?;
        let answers = shards
            .iter()
            .map(async |(of, owner)| unwritten::ask(&self.client, owner, (of.shard, table)).await);
        join_all(answers).await.into_iter().collect()
    }
}

#[async_trait]
impl Reach for Owners {
    async fn reach(&self) -> Option<i64> {
        let shards = self.ask("/v1/shards", &()).await.ok()?;
        shards.iter().map(|(of, _)| of.reach).min().flatten()
    }
}
