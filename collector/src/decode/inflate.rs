//! Decompression within limits: a bomb is stopped while it inflates, not afterwards.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The largest window of zstd, 8 MiB, as RFC 9659 sets it for Content-Encoding. Brotli's own
/// format ends at 16 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The content encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Nothing.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950), or the raw deflate that some clients send under the same name.
    Deflate,
    /// zstd (RFC 8878, 9659).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
}

impl Encoding {
    /// Every supported encoding, as `Accept-Encoding` lists them.
    pub const ALL: &'static str = "gzip, deflate, zstd, br";

    /// Parses `Content-Encoding`; `None` for an unsupported value or a list.
    pub fn from_header(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            "br" => Some(Self::Brotli),
            _ => None,
        }
    }
}

/// Limits on the inflated size.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Most bytes as a multiple of the size as sent (never less than 64 KiB, as short text
    /// compresses well).
    pub ratio: usize,
}

/// Why a body could not be inflated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// It inflates beyond the limit.
    #[error("it inflates to more than {limit} bytes")]
    TooLarge {
        /// The limit that applied.
        limit: usize,
    },
    /// It is not valid in the declared encoding.
    #[error("it does not inflate: {0}")]
    Broken(String),
}

/// Inflates a body.
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
        Encoding::Deflate if is_zlib(body) => {
            let mut decoder = ZlibDecoder::new(body);
            let inflated = drain(&mut decoder, body.len(), limits)?;
            nothing_follows(decoder.into_inner()).map(|()| inflated)
        }
        Encoding::Deflate => {
            let mut decoder = DeflateDecoder::new(body);
            let inflated = drain(&mut decoder, body.len(), limits)?;
            nothing_follows(decoder.into_inner()).map(|()| inflated)
        }
        Encoding::Zstd => drain(zstd(body).map_err(broken)?, body.len(), limits),
        Encoding::Brotli if is_wide(body) => {
            Err(InflateError::Broken("its window is above 4 MiB (lgwin 22)".to_owned()))
        }
        Encoding::Brotli => drain(Brotli::new(body), body.len(), limits),
    }
}

/// The deflate readers of the crate ignore what follows the stream.
fn nothing_follows(rest: &[u8]) -> Result<(), InflateError> {
    match rest.len() {
        0 => Ok(()),
        more => Err(InflateError::Broken(format!("{more} bytes follow the end of the stream"))),
    }
}

fn zstd(body: &[u8]) -> std::io::Result<ZstdDecoder<'static, &[u8]>> {
    let mut decoder = ZstdDecoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn broken(error: std::io::Error) -> InflateError {
    InflateError::Broken(error.to_string())
}

fn drain(
    decoder: impl Read,
    sent: usize,
    limits: Limits,
) -> Result<Cow<'static, [u8]>, InflateError> {
    let limit = limits.bytes.min(sent.saturating_mul(limits.ratio).max(64 << 10));
    let mut body = Vec::with_capacity(limit.min(sent.saturating_mul(4)));
    let one_more = (limit as u64).saturating_add(1);
    decoder.take(one_more).read_to_end(&mut body).map_err(broken)?;
    if body.len() > limit { Err(InflateError::TooLarge { limit }) } else { Ok(Cow::Owned(body)) }
}

/// RFC 1950: method 8, and the two header bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [a, b, ..] if a & 0x0f == 8 && u16::from_be_bytes([*a, *b]) % 31 == 0)
}

/// Whether a Brotli stream begins by requesting a window of 8 or 16 MiB (RFC 7932, 9.1), which the
/// decoder fills before it produces output. Libraries use 4 MiB unless configured otherwise.
fn is_wide(body: &[u8]) -> bool {
    body.first().is_some_and(|first| matches!(first & 0x0f, 0b1101 | 0b1111))
}

/// The crate's own reader accepts windows of up to 1 GiB (its "large window" extension) and ignores
/// what follows the stream; this one does neither.
struct Brotli<'a> {
    rest: &'a [u8],
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
}

impl<'a> Brotli<'a> {
    fn new(body: &'a [u8]) -> Self {
        let alloc = StandardAlloc::default;
        Self { rest: body, state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())) }
    }
}

impl Read for Brotli<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let (mut left, mut read) = (self.rest.len(), 0);
        let (mut room, mut written, mut total) = (to.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            self.rest,
            &mut room,
            &mut written,
            to,
            &mut total,
            &mut self.state,
        );
        self.rest = &self.rest[read..];
        match result {
            BrotliResult::ResultFailure => {
                Err(Error::new(ErrorKind::InvalidData, "not a brotli stream (RFC 7932)"))
            }
            BrotliResult::ResultSuccess if !self.rest.is_empty() => {
                Err(Error::new(ErrorKind::InvalidData, "something follows the stream"))
            }
            BrotliResult::NeedsMoreInput if written == 0 => {
                Err(Error::new(ErrorKind::UnexpectedEof, "the stream breaks off"))
            }
            _ => Ok(written),
        }
    }
}
