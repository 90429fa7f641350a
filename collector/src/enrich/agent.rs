//! Player, browser, system and device, as a request's headers reveal them.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use woothee::parser::{Parser, WootheeResult};

use super::hints;
use crate::decode::player;

/// Longest word that is stored.
const MOST: usize = 64;

/// The words found; an empty one is unknown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) player: String,
    pub(super) browser: String,
    pub(super) os: String,
    pub(super) device: String,
}

static PARSER: LazyLock<Parser> = LazyLock::new(Parser::new);

/// Television sets and boxes: what their User-Agent contains, and the system they run. The library
/// knows the browsers of computers and phones only. The first mark that is found counts.
const SETS: [(&str, &str); 13] = [
    ("Tizen", "Tizen"),
    ("Web0S", "webOS"),
    ("webOS", "webOS"),
    ("Roku", "Roku OS"),
    ("AppleTV", "tvOS"),
    ("Apple TV", "tvOS"),
    ("tvOS", "tvOS"),
    (" AFT", "Fire OS"),
    ("CrKey", "Cast"),
    ("VIDAA", "VIDAA"),
    ("Android TV", "Android TV"),
    ("BRAVIA", "Android TV"),
    ("HbbTV", ""),
];

/// Reads the headers. Client hints take precedence over the User-Agent, which browsers freeze.
pub(super) fn of(headers: &HeaderMap) -> Agent {
    let agent = hints::user_agent(headers);
    let known = PARSER.parse(agent).filter(|found| found.name != woothee::woothee::VALUE_UNKNOWN);
    let set = SETS.iter().find(|(mark, _)| agent.contains(mark));
    // Every browser begins like this; the library takes some other programs for browsers.
    let page = ["Mozilla/", "Opera/"].iter().any(|start| agent.starts_with(start));
    let browser =
        hints::browser(headers).or_else(|| known.as_ref().filter(|_| page).and_then(browser));
    let os = match set {
        Some((_, os)) => Some((*os).to_owned()),
        None => hints::os(headers).or_else(|| os(agent, known.as_ref())),
    };
    let device = match set {
        Some(_) => Some("tv"),
        None => hints::device(headers).or_else(|| device(agent, known.as_ref())),
    };
    Agent {
        player: player::of_agent(agent),
        browser: short(browser),
        os: short(os),
        device: device.unwrap_or_default().to_owned(),
    }
}

fn short(word: Option<String>) -> String {
    let mut word = word.unwrap_or_default();
    let end = word.char_indices().nth(MOST).map_or(word.len(), |(at, _)| at);
    word.truncate(end);
    word
}

fn browser(found: &WootheeResult<'_>) -> Option<String> {
    if found.category == "crawler" {
        return None;
    }
    // Without a version it is a program that imitates a browser.
    let major = found.version.split('.').next()?;
    let is_number = !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{} {major}", found.name))
}

/// The system, with its version where a User-Agent still states the true one.
fn os(agent: &str, found: Option<&WootheeResult<'_>>) -> Option<String> {
    let behind = |mark: &str| {
        let digits = agent.split_once(mark)?.1.trim_start_matches([' ', '/', '-']);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end).filter(|digits| !digits.is_empty())
    };
    let named = |name: &str, version: Option<&str>| {
        Some(format!("{name} {}", version.unwrap_or_default()).trim_end().to_owned())
    };
    if agent.contains("iPad") {
        return named("iPadOS", behind(" OS "));
    }
    if agent.contains("iPhone") || agent.contains("iPod") {
        return named("iOS", behind(" OS "));
    }
    if agent.contains("Android") {
        // Browsers send this for every device since their User-Agent was frozen.
        let frozen = agent.contains("Android 10; K)");
        return named("Android", behind("Android").filter(|_| !frozen));
    }
    match found?.os {
        // Windows 11 and every macOS since 10.15 send this, too.
        "Windows 10" => named("Windows", None),
        "Mac OSX" => named("macOS", None),
        "UNKNOWN" => None,
        os => named(os, None),
    }
}

fn device(agent: &str, found: Option<&WootheeResult<'_>>) -> Option<&'static str> {
    if agent.contains("iPad") || (agent.contains("Android") && agent.contains("Tablet")) {
        return Some("tablet");
    }
    if agent.contains("iPhone") || agent.contains("iPod") {
        return Some("phone");
    }
    match found?.category {
        "pc" => Some("desktop"),
        // Browsers on tablets leave this word out.
        "smartphone" if agent.contains("Android") && !agent.contains("Mobile") => Some("tablet"),
        "smartphone" | "mobilephone" => Some("phone"),
        "appliance" => Some("console"),
        "crawler" => Some("bot"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
