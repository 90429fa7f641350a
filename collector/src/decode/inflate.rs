//! Content-Encoding, undone within limits: a bomb is stopped while it inflates, not after.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// What was done to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Nothing.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950), or the bare deflate that some clients send under the same name.
    Deflate,
}

impl Encoding {
    /// The value of `Content-Encoding`; `None` for what is not understood, also for a list.
    pub fn from_header(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// How far a body may grow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Times its size as sent (never less than 64 KiB, as short text compresses well).
    pub ratio: usize,
}

/// Why a body could not be inflated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// It grows above the limit.
    #[error("it inflates to more than {limit} bytes")]
    TooLarge {
        /// The limit that held.
        limit: usize,
    },
    /// It is not what the header says.
    #[error("it does not inflate: {0}")]
    Broken(String),
}

/// Undoes the encoding.
pub fn inflate(
    body: &[u8],
    encoding: Encoding,
    limits: Limits,
) -> Result<Cow<'_, [u8]>, InflateError> {
    match encoding {
        Encoding::Identity if body.len() > limits.bytes => {
            Err(InflateError::TooLarge { limit: limits.bytes })
        }
        Encoding::Identity => Ok(Cow::Borrowed(body)),
        Encoding::Gzip => drain(MultiGzDecoder::new(body), body.len(), limits),
        Encoding::Deflate if is_zlib(body) => drain(ZlibDecoder::new(body), body.len(), limits),
        Encoding::Deflate => drain(DeflateDecoder::new(body), body.len(), limits),
    }
}

fn drain(
    decoder: impl Read,
    sent: usize,
    limits: Limits,
) -> Result<Cow<'static, [u8]>, InflateError> {
    let limit = limits.bytes.min(sent.saturating_mul(limits.ratio).max(64 << 10));
    let mut body = Vec::with_capacity(limit.min(sent.saturating_mul(4)));
    let one_more = (limit as u64).saturating_add(1);
    decoder
        .take(one_more)
        .read_to_end(&mut body)
        .map_err(|error| InflateError::Broken(error.to_string()))?;
    if body.len() > limit { Err(InflateError::TooLarge { limit }) } else { Ok(Cow::Owned(body)) }
}

/// RFC 1950: method 8, and the two header bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [a, b, ..] if a & 0x0f == 8 && u16::from_be_bytes([*a, *b]) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

    const LIMITS: Limits = Limits { bytes: 1 << 20, ratio: 100 };

    fn all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn each_encoding_comes_back() {
        let text = b"sid=\"a\",e=ps,ts=1".as_slice();
        let level = Compression::default;
        for (encoding, sent) in [
            (Encoding::Identity, text.to_vec()),
            (Encoding::Gzip, all(GzEncoder::new(text, level()))),
            (Encoding::Deflate, all(ZlibEncoder::new(text, level()))),
            (Encoding::Deflate, all(DeflateEncoder::new(text, level()))),
        ] {
            assert_eq!(inflate(&sent, encoding, LIMITS).unwrap(), text, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_smaller_limit() {
        let bomb = all(GzEncoder::new(vec![b'a'; 8 << 20].as_slice(), Compression::best()));
        let ratio = inflate(&bomb, Encoding::Gzip, LIMITS).unwrap_err();
        assert_eq!(ratio, InflateError::TooLarge { limit: bomb.len() * 100 });
        let bytes = Limits { bytes: 1 << 20, ratio: usize::MAX };
        let bytes = inflate(&bomb, Encoding::Gzip, bytes).unwrap_err();
        assert_eq!(bytes, InflateError::TooLarge { limit: 1 << 20 });
    }

    #[test]
    fn a_torn_stream_is_broken_at_every_byte() {
        let sent = all(GzEncoder::new(b"sid=\"a\"".as_slice(), Compression::default()));
        for cut in 0..sent.len() {
            let got = inflate(&sent[..cut], Encoding::Gzip, LIMITS);
            assert!(matches!(got, Err(InflateError::Broken(_))), "cut at {cut}: {got:?}");
        }
    }
}
