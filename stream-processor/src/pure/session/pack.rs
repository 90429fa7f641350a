//! Numbers in as few bytes as they need: seven bits in each byte, the lowest first.

/// The most that is written at once.
const ROOM: usize = 112;

/// Writes.
#[derive(Debug)]
pub(super) struct Pen {
    bytes: [u8; ROOM],
    len: usize,
}

impl Default for Pen {
    fn default() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }
}

impl Pen {
    pub(super) fn byte(&mut self, byte: u8) {
        debug_assert!(self.len < ROOM, "more is written at once than there is room for");
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    /// A time near another.
    pub(super) fn ms(&mut self, ms: i64, near: i64) {
        let apart = ms.wrapping_sub(near);
        self.number(((apart << 1) ^ (apart >> 63)).cast_unsigned());
    }

    /// A number of eight bytes, whatever its size.
    pub(super) fn eight(&mut self, number: u64) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    pub(super) fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Reads what a [`Pen`] wrote; after the end it reads zeros.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    pub(super) fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while shift < u64::BITS {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        number
    }

    /// A number that was one of four bytes.
    pub(super) fn short(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(0)
    }

    pub(super) fn ms(&mut self, near: i64) -> i64 {
        let number = self.number();
        let apart = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
        near.wrapping_add(apart)
    }

    pub(super) fn eight(&mut self) -> u64 {
        let Some((eight, rest)) = self.0.split_first_chunk() else { return 0 };
        self.0 = rest;
        u64::from_le_bytes(*eight)
    }
}
