//! Compressed bodies: none grows beyond its limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_collector::decode::inflate::{Encoding, Limits, inflate};

const LIMIT: usize = 1 << 20;

fuzz_target!(|body: &[u8]| {
    let limits = Limits { bytes: LIMIT, ratio: 100 };
    for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Brotli] {
        if let Ok(inflated) = inflate(body, encoding, limits) {
            assert!(inflated.len() <= LIMIT);
        }
    }
});
