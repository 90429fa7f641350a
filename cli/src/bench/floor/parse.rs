//! A parser that expects the keys in one order, and columns with interned words.

use rustc_hash::FxHashMap;

/// How a value is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// As an integer.
    Number,
    /// One of few words, stored as its index.
    Word,
    /// As its bytes.
    Text,
}

/// The text before each value of a beacon of the sample, and how the value is stored.
const SHAPE: [(&[u8], Kind); 15] = [
    (b"bl=(", Kind::Number),
    (b";v),br=(", Kind::Number),
    (b";v),cid=\"", Kind::Word),
    (b"\",com.tallylight-country=\"", Kind::Word),
    (b"\",com.tallylight-device=\"", Kind::Word),
    (b"\",e=", Kind::Word),
    (b",ltc=", Kind::Number),
    (b",mtp=(", Kind::Number),
    (b";v),sf=", Kind::Word),
    (b",sid=\"", Kind::Text),
    (b"\",sn=", Kind::Number),
    (b",st=", Kind::Word),
    (b",sta=", Kind::Word),
    (b",ts=", Kind::Number),
    (b",v=", Kind::Number),
];

/// Columns of records, laid out so that appending is as cheap as possible.
#[derive(Debug)]
pub(crate) struct Columns {
    shape: &'static [(&'static [u8], Kind)],
    /// The text after the last value.
    tail: &'static [u8],
    numbers: Vec<Vec<i64>>,
    words: FxHashMap<Box<[u8]>, i64>,
    texts: Vec<u8>,
}

impl Default for Columns {
    fn default() -> Self {
        Self::new(&SHAPE, b"")
    }
}

impl Columns {
    /// Columns of records of this shape.
    pub(crate) fn new(shape: &'static [(&'static [u8], Kind)], tail: &'static [u8]) -> Self {
        let numbers = vec![Vec::new(); shape.len()];
        Self { shape, tail, numbers, words: FxHashMap::default(), texts: Vec::new() }
    }

    /// The column of the shape's value `at`.
    pub(crate) fn numbers(&self, at: usize) -> &[i64] {
        &self.numbers[at]
    }

    /// The word with this index.
    pub(crate) fn word(&self, number: i64) -> String {
        let found = self.words.iter().find(|(_, known)| **known == number);
        found.map_or_else(String::new, |(word, _)| String::from_utf8_lossy(word).into_owned())
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.numbers[0].len()
    }

    /// Removes all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.numbers.iter_mut().for_each(Vec::clear);
        self.texts.clear();
    }

    /// Appends the records of a body; `None` if one has another shape.
    pub(crate) fn body(&mut self, body: &str) -> Option<()> {
        body.as_bytes().split(|byte| *byte == b'\n').try_for_each(|line| self.line(line))
    }

    fn line(&mut self, mut rest: &[u8]) -> Option<()> {
        for ((before, kind), column) in self.shape.iter().zip(&mut self.numbers) {
            rest = rest.strip_prefix(*before)?;
            let (value, end) = match kind {
                Kind::Number => number(rest),
                Kind::Word => {
                    let end = word(rest);
                    let known = self.words.get(rest.get(..end)?).copied();
                    let new = i64::try_from(self.words.len()).ok()?;
                    let id = known
                        .unwrap_or_else(|| *self.words.entry(rest[..end].into()).or_insert(new));
                    (id, end)
                }
                Kind::Text => {
                    let end = word(rest);
                    self.texts.extend_from_slice(rest.get(..end)?);
                    (i64::try_from(self.texts.len()).ok()?, end)
                }
            };
            column.push(value);
            rest = rest.get(end..)?;
        }
        (rest == self.tail).then_some(())
    }
}

fn number(text: &[u8]) -> (i64, usize) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 0), |(value, at), byte| (value * 10 + i64::from(byte - b'0'), at + 1))
}

fn word(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b'"' | b',')).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample;

    #[test]
    fn the_sample_has_the_shape_and_another_order_has_not() {
        let mut columns = Columns::default();
        let body = sample::lines(3, sample::BEGAN_MS).join("\n");
        assert_eq!(columns.body(&body), Some(()));
        assert_eq!(columns.rows(), 3);
        assert_eq!(columns.numbers[1], [500, 300, 150]);
        assert_eq!(columns.numbers[9], [36, 72, 108]);
        assert_eq!(columns.numbers[13][2], sample::BEGAN_MS);
        assert_eq!(columns.body("br=(500;v),bl=(4200;v)"), None);
    }
}
