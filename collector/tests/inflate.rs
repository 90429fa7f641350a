//! Compressed bodies: every encoding round-trips, and none grows beyond its limit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use tallylight_collector::decode::inflate::{Encoding, InflateError, Limits, inflate};

const LIMITS: Limits = Limits { bytes: 1 << 20, ratio: 100 };
const COMPRESSED: [Encoding; 4] =
    [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Brotli];

fn all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn packed(text: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Identity => text.to_vec(),
        Encoding::Gzip => all(GzEncoder::new(text, Compression::default())),
        Encoding::Deflate => all(ZlibEncoder::new(text, Compression::default())),
        Encoding::Zstd => zstd::encode_all(text, 3).unwrap(),
        Encoding::Brotli => all(brotli::CompressorReader::new(text, 4_096, 5, 22)),
    }
}

#[test]
fn each_encoding_round_trips() {
    let text = b"sid=\"a\",e=ps,ts=1".as_slice();
    for encoding in COMPRESSED.into_iter().chain([Encoding::Identity]) {
        let sent = packed(text, encoding);
        assert_eq!(inflate(&sent, encoding, LIMITS).unwrap(), text, "{encoding:?}");
    }
    let bare = all(DeflateEncoder::new(text, Compression::default()));
    assert_eq!(inflate(&bare, Encoding::Deflate, LIMITS).unwrap(), text);
}

#[test]
fn a_bomb_stops_at_the_smaller_limit() {
    for encoding in COMPRESSED {
        let bomb = packed(&vec![b'a'; 8 << 20], encoding);
        let floor = inflate(&bomb, encoding, LIMITS).unwrap_err();
        let limit = (bomb.len() * 100).max(64 << 10);
        assert_eq!(floor, InflateError::TooLarge { limit }, "{encoding:?}");
        let bytes = Limits { bytes: 1 << 20, ratio: usize::MAX };
        let bytes = inflate(&bomb, encoding, bytes).unwrap_err();
        assert_eq!(bytes, InflateError::TooLarge { limit: 1 << 20 }, "{encoding:?}");
    }
}

#[test]
fn a_window_above_the_limit_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(24).unwrap();
    std::io::copy(&mut std::io::repeat(b'a').take(32 << 20), &mut encoder).unwrap();
    let zstd = encoder.finish().unwrap();
    let limits = Limits { bytes: 64 << 20, ratio: usize::MAX };
    let got = inflate(&zstd, Encoding::Zstd, limits);
    assert!(matches!(&got, Err(InflateError::Broken(why)) if why.contains("memory")), "{got:?}");

    let mut large = brotli::enc::BrotliEncoderParams { lgwin: 26, ..Default::default() };
    large.large_window = true;
    let mut sent = Vec::new();
    brotli::BrotliCompress(&mut b"sid".as_slice(), &mut sent, &large).unwrap();
    let got = inflate(&sent, Encoding::Brotli, limits);
    assert!(matches!(&got, Err(InflateError::Broken(why)) if why.contains("RFC 7932")), "{got:?}");

    // Each small window is encoded in a different number of bits.
    for lgwin in 10..=24 {
        let params = brotli::enc::BrotliEncoderParams { lgwin, ..Default::default() };
        let mut sent = Vec::new();
        let text = b"sid=\"a\"".repeat(1_000);
        brotli::BrotliCompress(&mut text.as_slice(), &mut sent, &params).unwrap();
        let got = inflate(&sent, Encoding::Brotli, limits);
        if lgwin <= 22 {
            assert_eq!(got.unwrap(), text, "{lgwin}");
        } else {
            assert!(
                matches!(&got, Err(InflateError::Broken(why)) if why.contains("lgwin 22")),
                "{got:?}"
            );
        }
    }
}

#[test]
fn a_torn_stream_is_broken_at_every_byte() {
    for encoding in COMPRESSED {
        let sent = packed(b"sid=\"a\",e=ps,ts=1795000000000", encoding);
        // zstd accepts an empty input.
        for cut in 1..sent.len() {
            let got = inflate(&sent[..cut], encoding, LIMITS);
            assert!(
                matches!(got, Err(InflateError::Broken(_))),
                "{encoding:?} cut at {cut}: {got:?}"
            );
        }
    }
}

#[test]
fn data_after_the_stream_is_not_dropped_silently() {
    for encoding in COMPRESSED {
        let sent = [packed(b"sid=\"a\"", encoding), b"more, and not compressed".to_vec()].concat();
        let got = inflate(&sent, encoding, LIMITS);
        assert!(matches!(got, Err(InflateError::Broken(_))), "{encoding:?}: {got:?}");
    }
}

proptest! {
    #[test]
    fn any_text_round_trips(text in prop::collection::vec(any::<u8>(), 0..4_096)) {
        for encoding in COMPRESSED {
            let sent = packed(&text, encoding);
            prop_assert_eq!(&*inflate(&sent, encoding, LIMITS).unwrap(), &text);
        }
    }

    #[test]
    fn mutated_streams_never_panic_and_never_grow(
        text in prop::collection::vec(b'a'..b'd', 1..2_048),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for encoding in COMPRESSED {
            let mut sent = packed(&text, encoding);
            for (at, byte) in &hits {
                let at = at.index(sent.len());
                sent[at] = *byte;
            }
            if let Ok(body) = inflate(&sent, encoding, LIMITS) {
                prop_assert!(body.len() <= (sent.len() * LIMITS.ratio).max(64 << 10));
            }
        }
    }
}
