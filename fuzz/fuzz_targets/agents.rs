//! `User-Agent` and client hints, one header per line: whatever they are, the words found are
//! short.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tallylight_collector::enrich::{Enricher, Settings};

const HEADERS: [&str; 6] = [
    "user-agent",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
    "sec-ch-ua-form-factors",
];
/// Longest word, in characters.
const MOST: usize = 64;

static ENRICHER: LazyLock<Enricher> = LazyLock::new(|| Enricher::new(&Settings::default()));

fuzz_target!(|input: &[u8]| {
    let values = input.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let given = HEADERS.into_iter().zip(values);
    let headers: HeaderMap = given
        .filter_map(|(name, value)| Some((http::HeaderName::from_static(name), value.ok()?)))
        .collect();
    let sender = ENRICHER.sender(&headers, None);
    let about = sender.about();
    for word in [about.player, about.browser, about.os, about.device] {
        assert!(word.chars().count() <= MOST, "{word}");
    }
    // The cached result equals the first one.
    let again = ENRICHER.sender(&headers, None);
    assert_eq!(format!("{:?}", again.about()), format!("{about:?}"));
});
