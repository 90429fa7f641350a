//! The headers by which a browser identifies itself: `User-Agent`, and the client hints that newer
//! browsers send because their User-Agent is frozen.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderName};

/// Most bytes of a value that are read.
const READ: usize = 512;

const BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
const PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
const PLATFORM_VERSION: HeaderName = HeaderName::from_static("sec-ch-ua-platform-version");
const MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
const FORM_FACTORS: HeaderName = HeaderName::from_static("sec-ch-ua-form-factors");
const ALL: [HeaderName; 6] = [USER_AGENT, BRANDS, PLATFORM, PLATFORM_VERSION, MOBILE, FORM_FACTORS];

/// Seeded at random, so that no sender can choose headers that share a fingerprint.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A hash of all these headers.
pub(super) fn fingerprint(headers: &HeaderMap) -> u64 {
    let mut hasher = HASHER.build_hasher();
    for name in &ALL {
        hasher.write(value(headers, name).as_bytes());
        // No header contains this byte, so no two values look like one.
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Header text is ASCII, so any cut is between characters.
    text.get(..READ).unwrap_or(text)
}

pub(super) fn user_agent(headers: &HeaderMap) -> &str {
    value(headers, &USER_AGENT)
}

/// The value of a hint that is one string, without its quotes.
fn word<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(value(headers, name).trim_matches(['"', ' '])).filter(|word| !word.is_empty())
}

/// The browser and its major version. One of the brands names the engine, and one is made up so
/// that no site relies on the list.
pub(super) fn browser(headers: &HeaderMap) -> Option<String> {
    let mut brands = value(headers, &BRANDS).split(',').filter_map(|brand| {
        let (name, version) = brand.split_once(";v=")?;
        Some((name.trim().trim_matches('"'), version.trim().trim_matches('"')))
    });
    let (name, version) = brands
        .find(|(name, _)| *name != "Chromium" && !name.to_ascii_lowercase().contains("not"))?;
    let name = match name {
        "Google Chrome" | "HeadlessChrome" => "Chrome",
        "Microsoft Edge" => "Edge",
        other => other,
    };
    Some(format!("{name} {}", major(version)).trim_end().to_owned())
}

/// The operating system, with its version where that is sent.
pub(super) fn os(headers: &HeaderMap) -> Option<String> {
    let platform = word(headers, &PLATFORM)?;
    let version = word(headers, &PLATFORM_VERSION).map(major).unwrap_or_default();
    let name = match platform {
        "Chrome OS" | "Chromium OS" => "ChromeOS",
        "Unknown" => return None,
        other => other,
    };
    let version = match (name, version) {
        ("Linux", _) => "",
        // These are not the versions of Windows: 1 to 10 is Windows 10, from 13 on it is 11.
        ("Windows", version) => match version.parse::<u32>() {
            Ok(1..=12) => "10",
            Ok(13..) => "11",
            _ => "",
        },
        (_, version) => version,
    };
    Some(format!("{name} {version}").trim_end().to_owned())
}

/// The kind of device.
pub(super) fn device(headers: &HeaderMap) -> Option<&'static str> {
    let factors = value(headers, &FORM_FACTORS);
    let said = [("Tablet", "tablet"), ("Mobile", "phone"), ("Desktop", "desktop"), ("TV", "tv")];
    let factor = said.iter().find(|(factor, _)| factors.contains(factor)).map(|(_, kind)| *kind);
    // Desktops, tablets and television sets all send "?0".
    factor.or_else(|| (value(headers, &MOBILE).trim() == "?1").then_some("phone"))
}

fn major(version: &str) -> &str {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    &version[..end]
}
