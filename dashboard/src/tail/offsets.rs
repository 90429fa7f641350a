//! The position of a tail: an offset in each shard of the log.

use serde_json::Value;
use tallylight_eventlog::{LogError, Shards};
use tallylight_schemas::record::EVENTS;

/// Offsets by shard.
#[derive(Debug, Clone)]
pub(super) struct Offsets(Vec<u64>);

impl Offsets {
    /// Reads the `next` of an earlier tail: a number for each shard, separated by commas.
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

    /// The ends of the log, or `from`, but never past the ends.
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

/// In the format that [`Offsets::read`] reads.
impl From<&Offsets> for Value {
    fn from(Offsets(offsets): &Offsets) -> Self {
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
    fn what_is_written_can_be_read() {
        for (text, shards, written) in [("7", 1, Value::from(7)), ("7,0,9", 3, "7,0,9".into())] {
            assert_eq!(Value::from(&Offsets::read(text, shards).unwrap()), written);
        }
        for (text, shards) in [("7", 2), ("7,8", 1), ("", 1), ("7,", 2), ("-1", 1)] {
            assert!(Offsets::read(text, shards).is_err(), "{text:?} of {shards}");
        }
    }
}
