//! Which player sent a request. CMCD does not say, so it is read from the User-Agent, which
//! names players that are programs of their own; for a player in a page it names the browser.
//! A page says more in the custom key `com.tallylight-player`, which counts before this.

/// Longest name with its version, bytes.
const MOST: usize = 64;
/// A longer User-Agent is not looked at beyond this.
const READ: usize = 512;

/// What a User-Agent has in it, and what that is called. The first that is found counts, so
/// what imitates others comes before them.
const KNOWN: [(&str, &str); 23] = [
    ("AndroidXMedia3/", "Media3"),
    ("ExoPlayerLib/", "ExoPlayer"),
    ("AppleCoreMedia/", "AVPlayer"),
    ("Roku/DVP-", "Roku"),
    ("VLC/", "VLC"),
    ("Kodi/", "Kodi"),
    ("GStreamer ", "GStreamer"),
    ("Lavf/", "FFmpeg"),
    ("tallylight-audience/", "tallylight-audience"),
    ("CrKey/", "Chromecast"),
    ("Tizen ", "Tizen"),
    ("Web0S", "webOS"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];
/// From here on in [`KNOWN`] it is browsers: their major version is enough.
const BROWSERS: usize = 12;

/// The player behind a User-Agent with its version; empty when it cannot be told.
pub fn of_agent(agent: &str) -> String {
    let agent = agent.get(..READ).unwrap_or(agent);
    let found = KNOWN.iter().enumerate().find_map(|(at, (mark, name))| {
        let (_, behind) = agent.split_once(mark)?;
        // Only Safari's version is called so, and others have it beside their own.
        (*mark != "Version/" || agent.contains("Safari/")).then_some((at, *name, behind))
    });
    match found {
        // The version of the media framework is that of the system, which stands behind "OS" or
        // "OS X".
        Some((_, "AVPlayer", _)) => {
            let system = agent.split_once(" OS ").map_or("", |(_, behind)| behind);
            let system = system.trim_start_matches("X ");
            named("AVPlayer on OS", &version(&system.replace('_', "."), 2))
        }
        Some((at, name, behind)) => {
            named(name, &version(behind, if at < BROWSERS { 3 } else { 1 }))
        }
        None => product(agent),
    }
}

fn named(name: &str, version: &str) -> String {
    if version.is_empty() { name.to_owned() } else { format!("{name} {version}") }
}

/// The leading numbers of a version, at most so many.
fn version(text: &str, parts: usize) -> String {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    let parts: Vec<_> = numbers.split('.').filter(|part| !part.is_empty()).take(parts).collect();
    parts.join(".").chars().take(16).collect()
}

/// `name/version` at the start, as programs of one's own call themselves.
fn product(agent: &str) -> String {
    let Some((name, behind)) = agent.split_once('/') else { return String::new() };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
    if name.is_empty() || name == "Mozilla" || name.len() > MOST - 17 || !name.chars().all(fits) {
        return String::new();
    }
    named(name, &version(behind, 3))
}

#[cfg(test)]
mod tests {
    use super::of_agent;

    #[test]
    fn players_are_told_by_what_they_call_themselves() {
        for (agent, player) in [
            ("MyTv/2.3 (Linux;Android 14) AndroidXMedia3/1.4.1", "Media3 1.4.1"),
            ("Demo/1.0 (Linux;Android 9) ExoPlayerLib/2.19.1", "ExoPlayer 2.19.1"),
            (
                "AppleCoreMedia/1.0.0.21A329 (iPhone; U; CPU OS 17_0_1 like Mac OS X; en_us)",
                "AVPlayer on OS 17.0",
            ),
            (
                "AppleCoreMedia/1.0.0.23F79 (Macintosh; U; Intel Mac OS X 14_5; en_us)",
                "AVPlayer on OS 14.5",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/17.0 EdgiOS/125.0.2535.60 Mobile/15E148 \
                 Safari/605.1.15",
                "Edge 125",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 HeadlessChrome/142.0.0.0 Safari/537.36",
                "Chrome 142",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/141.0.0.0 Safari/537.36 Edg/141.0.3537.57",
                "Edge 141",
            ),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 \
                 Safari/605.1.15",
                "Safari 18",
            ),
            ("Mozilla/5.0 (X11; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox 132"),
            ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/538.2", "webOS"),
            ("okhttp/4.12.0", "okhttp 4.12.0"),
            ("Mozilla/5.0 (compatible)", ""),
            ("sid=\"a\"/1", ""),
            ("", ""),
        ] {
            assert_eq!(of_agent(agent), player, "{agent}");
        }
    }

    #[test]
    fn a_name_is_bounded_whatever_is_sent() {
        for agent in
            ["Chrome/1", "x/1", "é/1", "Tizen "].map(|start| start.to_owned() + &"9".repeat(9_000))
        {
            assert!(of_agent(&agent).len() <= 64, "{agent}");
        }
    }
}
