//! The newest deltas, kept for clients that lost their connection.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;

#[derive(Debug)]
pub(super) struct Ring {
    held: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// Number of the newest delta.
    last: u64,
    max_messages: usize,
    max_bytes: usize,
}

impl Ring {
    /// An empty ring whose next delta is `last` + 1.
    pub(super) fn new(last: u64, max_messages: usize, max_bytes: usize) -> Self {
        Self { held: VecDeque::new(), bytes: 0, last, max_messages, max_bytes }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Adds the delta of number [`Ring::last`] + 1.
    pub(super) fn push(&mut self, text: Utf8Bytes) {
        self.last += 1;
        self.bytes += text.len();
        self.held.push_back(text);
        while self.held.len() > self.max_messages || self.bytes > self.max_bytes {
            let Some(old) = self.held.pop_front() else { return };
            self.bytes -= old.len();
        }
    }

    /// The deltas after number `seq`, or `None` when some of them are gone or `seq` was never
    /// assigned.
    pub(super) fn after(&self, seq: u64) -> Option<Vec<Utf8Bytes>> {
        let missing = usize::try_from(self.last.checked_sub(seq)?).ok()?;
        let first = self.held.len().checked_sub(missing)?;
        Some(self.held.range(first..).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_is_missing_or_nothing() {
        let mut ring = Ring::new(100, 3, 10);
        assert_eq!(ring.after(100), Some(vec![]));
        assert_eq!(ring.after(101), None);
        for text in ["a", "b", "c", "d"] {
            ring.push(text.into());
        }
        assert_eq!(ring.last(), 104);
        assert_eq!(ring.after(102), Some(vec!["c".into(), "d".into()]));
        assert_eq!(ring.after(101), Some(vec!["b".into(), "c".into(), "d".into()]));
        assert_eq!(ring.after(100), None, "a is gone");
        assert_eq!(ring.after(105), None);
        ring.push("123456789".into());
        assert_eq!(ring.after(103), Some(vec!["d".into(), "123456789".into()]), "bytes count too");
        assert_eq!(ring.after(102), None);
    }
}
