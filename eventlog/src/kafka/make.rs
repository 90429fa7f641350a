//! Creates missing topics, and finds the id of the log.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tallylight_schemas::ident::MAX_PARTITIONS;
use tokio::time::{Instant, sleep};

use super::client::{Context, MAX_RECORD_BYTES, REQUEST, common, create, producing, unavailable};
use super::{KafkaSettings, blocking, reader};
use crate::common::{SEGMENTS_PER_AGE, fresh};
use crate::{LogError, TopicSettings};

/// How long a new topic may take to have leaders.
const MADE_WITHIN: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(100);
/// The topic whose first record is the log's id.
const ID: &str = "id";
/// The one partition of that topic.
const PARTITION: i32 = 0;
/// A topic's cap is divided into this many segments, within the limits below.
const SEGMENTS: u64 = 4;
/// The shortest time for which Kafka writes to a segment, however short records are kept.
const MIN_STEP: Duration = Duration::from_secs(60);
/// A broker refuses an entry that does not fit a segment.
pub(super) const MIN_SEGMENT: u64 = MAX_RECORD_BYTES as u64;
const MAX_SEGMENT: u64 = 256 << 20;

/// A log whose topics exist.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) shards: u16,
    pub(super) metadata_client: Client,
}

type Client = Arc<reader::Client>;

/// A topic to be created if it is missing.
struct Wanted {
    name: String,
    partitions: i32,
    configuration: Vec<(&'static str, String)>,
}

/// Finds the log's topics, creating missing ones.
pub(super) async fn log(settings: &Arc<KafkaSettings>) -> Result<Made, LogError> {
    let forever = vec![("retention.ms", "-1".to_owned()), ("retention.bytes", "-1".to_owned())];
    let id = settings.name(ID);
    let mut wanted = vec![Wanted { name: id.clone(), partitions: 1, configuration: forever }];
    wanted.extend(settings.topics.iter().map(|topic| Wanted {
        name: settings.name(&topic.name),
        partitions: i32::from(settings.shards),
        configuration: configuration(topic, settings.shards),
    }));
    create_missing(settings, &wanted).await?;

    let client = Arc::new(reader::metadata_client(settings)?);
    let mut shards = None;
    for topic in &settings.topics {
        let found = partitions_with_leaders(&client, settings, &settings.name(&topic.name)).await?;
        if shards.replace(found).is_some_and(|others| others != found) {
            return Err(LogError::Invalid(format!(
                "the topics of prefix {:?} have different numbers of partitions; use another prefix",
                settings.prefix
            )));
        }
    }
    let id = identity(Arc::clone(&client), settings, id).await?;
    Ok(Made { id, shards: shards.unwrap_or(1), metadata_client: client })
}

/// Configuration of a topic. Caps apply per partition. Kafka drops the oldest segment once the
/// segments after it reach `retention.bytes`, so that is set one segment below the cap.
fn configuration(topic: &TopicSettings, shards: u16) -> Vec<(&'static str, String)> {
    let cap_bytes = topic.cap_bytes / u64::from(shards);
    let segment = (cap_bytes / SEGMENTS).clamp(MIN_SEGMENT, MAX_SEGMENT);
    let age = topic.cap_age.map_or("-1".to_owned(), |age| age.as_millis().to_string());
    // Kafka drops a segment once its newest record is too old: a trickle would keep the old ones.
    let step = topic.cap_age.map(|age| (age / SEGMENTS_PER_AGE).max(MIN_STEP));
    let step = step.map(|step| ("segment.ms", step.as_millis().to_string()));
    let rest = [
        ("cleanup.policy", "delete".to_owned()),
        ("segment.bytes", segment.to_string()),
        ("retention.bytes", cap_bytes.saturating_sub(segment).to_string()),
        ("retention.ms", age),
        ("max.message.bytes", MAX_RECORD_BYTES.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    rest.into_iter().chain(step).collect()
}

async fn create_missing(settings: &KafkaSettings, wanted: &[Wanted]) -> Result<(), LogError> {
    let admin: AdminClient<Context> = create(&common(settings))?;
    let replicas = settings.replicas.map_or(-1, i32::from);
    let least = settings.min_in_sync.map(|least| least.to_string());
    let mut topics = Vec::new();
    for Wanted { name, partitions, configuration } in wanted {
        let mut topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(replicas));
        for (key, value) in configuration {
            topic = topic.set(key, value);
        }
        if let Some(least) = &least {
            topic = topic.set("min.insync.replicas", least);
        }
        topics.push(topic);
    }
    let options = AdminOptions::new().request_timeout(Some(REQUEST));
    let answers = admin.create_topics(&topics, &options).await;
    let answers = answers.map_err(|error| unavailable("cannot create topics", settings, &error))?;
    for answer in answers {
        if let Err((name, code)) = answer {
            refused(&name, code, replicas)?;
        }
    }
    Ok(())
}

/// The outcome when a topic was not created.
fn refused(name: &str, code: RDKafkaErrorCode, replicas: i32) -> Result<(), LogError> {
    match code {
        RDKafkaErrorCode::TopicAlreadyExists => Ok(()),
        RDKafkaErrorCode::InvalidReplicationFactor => Err(LogError::Unavailable(format!(
            "{name} cannot be created with {replicas} replicas: {code}; are all brokers up?"
        ))),
        RDKafkaErrorCode::InvalidConfig => {
            Err(LogError::Invalid(format!("{name} cannot be created: {code}")))
        }
        _ => Err(LogError::Unavailable(format!("{name} cannot be created: {code}"))),
    }
}

/// The number of partitions of a topic, once each of them has a leader.
async fn partitions_with_leaders(
    client: &Client,
    settings: &Arc<KafkaSettings>,
    name: &str,
) -> Result<u16, LogError> {
    let deadline = Instant::now() + MADE_WITHIN;
    loop {
        let (client, settings) = (Arc::clone(client), Arc::clone(settings));
        let topic = name.to_owned();
        let found = blocking(move || {
            let partitions = partitions(&client, &settings, &topic)?;
            for partition in 0..partitions {
                reader::ends(&client, &settings, (&topic, i32::from(partition)))?;
            }
            Ok(partitions)
        });
        match found.await {
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => sleep(RETRY).await,
            other => return other,
        }
    }
}

/// The number of partitions of a topic. One created by other software may have too many.
fn partitions(
    client: &BaseConsumer<Context>,
    settings: &KafkaSettings,
    name: &str,
) -> Result<u16, LogError> {
    let known = client.fetch_metadata(Some(name), REQUEST).map_err(|error| {
        unavailable(&format!("cannot get metadata of {name}"), settings, &error)
    })?;
    match known.topics().first().map_or(0, |topic| topic.partitions().len()) {
        0 => Err(LogError::Unavailable(format!("{name} does not exist yet"))),
        some => u16::try_from(some).ok().filter(|some| *some <= MAX_PARTITIONS).ok_or_else(|| {
            LogError::Invalid(format!(
                "{name} has {some} partitions, above the limit of {MAX_PARTITIONS}; use another prefix"
            ))
        }),
    }
}

/// The log's id: written if there is none yet; every process uses the first one written.
async fn identity(
    client: Client,
    settings: &Arc<KafkaSettings>,
    topic: String,
) -> Result<String, LogError> {
    partitions_with_leaders(&client, settings, &topic).await?;
    let (metadata, of, name) = (Arc::clone(&client), Arc::clone(settings), topic.clone());
    let (_, next) = blocking(move || reader::ends(&metadata, &of, (&name, PARTITION))).await?;
    if next == 0 {
        let producer: FutureProducer<Context> = create(&producing(settings))?;
        let id = fresh();
        let record = FutureRecord::<(), _>::to(&topic).partition(PARTITION).payload(&id);
        let sent = producer.send(record, settings.append_within).await;
        sent.map_err(|(error, _)| unavailable("cannot name the log", settings, &error))?;
    }
    let settings = Arc::clone(settings);
    blocking(move || first_record(&client, &settings, &topic)).await
}

fn first_record(
    client: &BaseConsumer<Context>,
    settings: &KafkaSettings,
    topic: &str,
) -> Result<String, LogError> {
    let mut list = TopicPartitionList::new();
    let failed = |error| unavailable(&format!("cannot read {topic}"), settings, &error);
    list.add_partition_offset(topic, PARTITION, Offset::Beginning).map_err(failed)?;
    client.assign(&list).map_err(failed)?;
    // Errors are ignored until the deadline: the broker that failed may not be the one that has it.
    let looks = MADE_WITHIN.as_millis() / reader::POLL_INTERVAL.as_millis();
    let message = (0..looks)
        .find_map(|_| client.poll(reader::POLL_INTERVAL)?.ok())
        .ok_or_else(|| LogError::Unavailable(format!("no broker sends {topic}")))?;
    // There is no second record, and this client would keep fetching for as long as it lives.
    client.unassign().map_err(failed)?;
    let id = message.payload_view::<str>().and_then(Result::ok).unwrap_or_default();
    let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid {
        Ok(id.to_owned())
    } else {
        Err(LogError::Data(format!("{topic} does not contain the id of a log")))
    }
}
