//! The processors of all processes, found in Kafka's group of owners and queried over HTTP.

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
use tallylight_store::history::{Unwritten, Writers};
use tallylight_stream_processor::audit::Reach;
use tallylight_stream_processor::{OpenPlace, newest};

use super::open::{self, OpenRequest};
use super::processor_api::{SessionsRequest, ShardAnswer};
use super::unwritten;
use crate::live;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// All processors of a log.
#[derive(Debug)]
pub(super) struct RemoteProcessors {
    kafka: Arc<Kafka>,
    client: reqwest::Client,
}

impl RemoteProcessors {
    pub(super) fn new(kafka: Arc<Kafka>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { kafka, client })
    }

    /// The answer for each shard with the address of its owner. If a shard is missing the error
    /// names it, so that a missing answer is not taken for an empty one.
    async fn ask(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<Vec<(ShardAnswer, String)>, String> {
        let owners = self.kafka.owners().await.map_err(|error| error.to_string())?;
        let answers = owners.iter().map(async |owner| {
            let answer = self.client.get(format!("{owner}{path}")).query(query).send().await;
            let answer = answer.and_then(reqwest::Response::error_for_status)?;
            answer.json::<Vec<ShardAnswer>>().await
        });
        let (mut shards, mut silent) = (BTreeMap::<u16, (ShardAnswer, String)>::new(), Vec::new());
        for (answer, owner) in join_all(answers).await.into_iter().zip(&owners) {
            let Ok(answer) = answer else {
                silent.push(owner.as_str());
                continue;
            };
            for shard in answer {
                let known = shards.get(&shard.shard).map(|(known, _)| known.position);
                if known.is_none_or(|known| known < shard.position) {
                    shards.insert(shard.shard, (shard, owner.clone()));
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
impl tallylight_dashboard::Sessions for RemoteProcessors {
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String> {
        let request =
            SessionsRequest { tenant: tenant.to_owned(), sid: sid.map(str::to_owned), limit };
        let shards = self.ask("/v1/sessions", &request).await?;
        let mut rows = shards.into_iter().flat_map(|(shard, _)| shard.sessions).collect();
        newest(&mut rows, limit);
        Ok(rows)
    }

    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String> {
        let shards = self.ask("/v1/shards", &()).await?.into_iter().map(|(answer, owner)| {
            let client = self.client.clone();
            let (shard, tenant, columns) = (answer.shard, tenant.to_owned(), columns.join(","));
            live::pages(move |OpenPlace { partition, slot }| {
                let (tenant, columns) = (tenant.clone(), columns.clone());
                let request = OpenRequest { shard, tenant, columns, partition, slot };
                open::ask(client.clone(), owner.clone(), request)
            })
        });
        Ok(shards.collect())
    }
}

#[async_trait]
impl Writers for RemoteProcessors {
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String> {
        let shards = self.ask("/v1/shards", &()).await?;
        let answers = shards.iter().map(async |(answer, owner)| {
            unwritten::ask(&self.client, owner, (answer.shard, table)).await
        });
        join_all(answers).await.into_iter().collect()
    }
}

#[async_trait]
impl Reach for RemoteProcessors {
    async fn reach(&self) -> Option<i64> {
        let shards = self.ask("/v1/shards", &()).await.ok()?;
        shards.iter().map(|(answer, _)| answer.reach).min().flatten()
    }
}
