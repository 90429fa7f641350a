//! Finding the next member after one that could not be read.

use super::key::{Key, Kind};
use super::lex::{Cursor, is_custom};

impl Cursor<'_> {
    /// Moves from `from` to where the next member probably begins.
    ///
    /// A missing or extra quote or parenthesis turns the rest inside out, so the next comma with a
    /// known key behind it is taken, whatever is around it. Failing that, it is the next comma
    /// outside quotes and parentheses, or the end.
    pub(super) fn resync(&mut self, from: usize) {
        self.at = self
            .known_member_after(from)
            .or_else(|| self.top_level_comma(from))
            .unwrap_or(self.text.len());
    }

    fn top_level_comma(&self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (mut quoted, mut depth) = (false, 0_u32);
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b'(' if !quoted => depth += 1,
                b')' if !quoted => depth = depth.saturating_sub(1),
                b',' if !quoted && depth == 0 => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn known_member_after(&self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        (from..bytes.len()).find(|at| bytes[*at] == b',' && self.known_member_behind(*at))
    }

    fn known_member_behind(&self, comma: usize) -> bool {
        let mut ahead = Self { text: self.text, at: comma + 1 };
        ahead.skip_space();
        let Some(name) = ahead.key() else { return false };
        // Only keys of booleans have no value; any other lone word may be part of a text.
        let (known, lone) = match Key::from_name(name) {
            Some(key) => (true, key.kind() == Kind::Bool),
            None => (is_custom(name), false),
        };
        known && (ahead.eat(b'=') || (lone && ahead.member_ends()))
    }
}
