//! A parser that expects the keys in one order, and columns with interned words.

use rustc_hash::FxHashMap;

/// A value, as it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// As it is.
    Number,
    /// One of few words, kept by its number.
    Word,
    /// Kept as it is.
    Text,
}

/// What stands before each value of a beacon of the sample, and what the value is.
const SHAPE: [(&[u8], What); 15] = [
    (b"bl=(", What::Number),
    (b";v),br=(", What::Number),
    (b";v),cid=\"", What::Word),
    (b"\",com.tallylight-country=\"", What::Word),
    (b"\",com.tallylight-device=\"", What::Word),
    (b"\",e=", What::Word),
    (b",ltc=", What::Number),
    (b",mtp=(", What::Number),
    (b";v),sf=", What::Word),
    (b",sid=\"", What::Text),
    (b"\",sn=", What::Number),
    (b",st=", What::Word),
    (b",sta=", What::Word),
    (b",ts=", What::Number),
    (b",v=", What::Number),
];

/// Columns of records, one after the other as they are cheapest to append to.
#[derive(Debug)]
pub(crate) struct Columns {
    shape: &'static [(&'static [u8], What)],
    /// What stands behind the last value.
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
    pub(crate) fn new(shape: &'static [(&'static [u8], What)], tail: &'static [u8]) -> Self {
        let numbers = vec![Vec::new(); shape.len()];
        Self { shape, tail, numbers, words: FxHashMap::default(), texts: Vec::new() }
    }

    /// The numbers of one of the shape's values.
    pub(crate) fn numbers(&self, at: usize) -> &[i64] {
        &self.numbers[at]
    }

    /// The word of a number.
    pub(crate) fn word(&self, number: i64) -> String {
        let found = self.words.iter().find(|(_, known)| **known == number);
        found.map_or_else(String::new, |(word, _)| String::from_utf8_lossy(word).into_owned())
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.numbers[0].len()
    }

    /// Starts anew in the same memory.
    pub(crate) fn clear(&mut self) {
        self.numbers.iter_mut().for_each(Vec::clear);
        self.texts.clear();
    }

    /// Appends the records of a body; `None` at the first that has another shape.
    pub(crate) fn body(&mut self, body: &str) -> Option<()> {
        body.as_bytes().split(|byte| *byte == b'\n').try_for_each(|line| self.line(line))
    }

    fn line(&mut self, mut rest: &[u8]) -> Option<()> {
        for ((before, what), column) in self.shape.iter().zip(&mut self.numbers) {
            rest = rest.strip_prefix(*before)?;
            let (value, end) = match what {
                What::Number => number(rest),
                What::Word => {
                    let end = word(rest);
                    let known = self.words.get(rest.get(..end)?).copied();
                    let new = i64::try_from(self.words.len()).ok()?;
                    let id = known
                        .unwrap_or_else(|| *self.words.entry(rest[..end].into()).or_insert(new));
                    (id, end)
                }
                What::Text => {
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
