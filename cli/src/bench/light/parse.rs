//! A parser that expects the keys in one order, and columns with interned words.

use rustc_hash::FxHashMap;

enum What {
    Number,
    /// One of few words, kept by its number.
    Word,
    /// Kept as it is.
    Text,
}

/// What stands before each value, and what the value is.
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
#[derive(Debug, Default)]
pub(crate) struct Columns {
    numbers: [Vec<i64>; SHAPE.len()],
    words: FxHashMap<Box<[u8]>, i64>,
    texts: Vec<u8>,
}

impl Columns {
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
        for ((before, what), column) in SHAPE.iter().zip(&mut self.numbers) {
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
        rest.is_empty().then_some(())
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
        assert_eq!(columns.numbers[13][2], sample::BEGAN_MS + 2);
        assert_eq!(columns.body("br=(500;v),bl=(4200;v)"), None);
    }
}
