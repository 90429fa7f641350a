//! Where a tail is: an offset in each shard of the log.

use serde_json::Value;
use tallylight_eventlog::{LogError, Shards};
use tallylight_schemas::record::EVENTS;

/// Offsets by shard.
#[derive(Debug, Clone)]
pub(super) struct Places(Vec<u64>);

impl Places {
    /// Reads what an earlier tail said: a number, or as many as there are shards with commas
    /// between.
    pub(super) fn read(text: &str, shards: u16) -> Result<Self, String> {
        let offsets: Vec<u64> = text
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| format!("from is {text:?}; give the `next` of an earlier tail"))?;
        if offsets.len() != usize::from(shards) {
            return Err(format!("from has {} offsets; the log has {shards} shards", offsets.len()));
        }
        Ok(Self(offsets))
    }

    /// The ends of the log, or further back, but never past them.
    pub(super) fn start(log: &Shards, from: Option<Self>) -> Result<Self, LogError> {
        let ends = log.iter().map(|log| Ok(*log.head(EVENTS)?.borrow()));
        let ends = ends.collect::<Result<Vec<u64>, LogError>>()?;
        let Some(Self(from)) = from else { return Ok(Self(ends)) };
        Ok(Self(from.into_iter().zip(ends).map(|(from, end)| from.min(end)).collect()))
    }

    /// The offset in a shard.
    pub(super) fn of(&mut self, shard: usize) -> &mut u64 {
        &mut self.0[shard]
    }
}

/// As [`Places::read`] reads it.
impl From<&Places> for Value {
    fn from(Places(offsets): &Places) -> Self {
        match offsets[..] {
            [one] => one.into(),
            _ => offsets.iter().map(u64::to_string).collect::<Vec<_>>().join(",").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        for (text, shards, said) in [("7", 1, Value::from(7)), ("7,0,9", 3, "7,0,9".into())] {
            assert_eq!(Value::from(&Places::read(text, shards).unwrap()), said);
        }
        for (text, shards) in [("7", 2), ("7,8", 1), ("", 1), ("7,", 2), ("-1", 1)] {
            assert!(Places::read(text, shards).is_err(), "{text:?} of {shards}");
        }
    }
}
