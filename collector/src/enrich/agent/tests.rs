use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (axum::http::HeaderName::from_static(name), value.parse().unwrap())
    };
    pairs.iter().map(pair).collect()
}

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/142.0.0.0 Safari/537.36";

/// User-Agents with the browser, system and device that they reveal.
const AGENTS: &[(&str, [&str; 3])] = &[
    (CHROME, ["Chrome 142", "Windows", "desktop"]),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) Version/18.1 Safari/605.1.15",
        ["Safari 18", "macOS", "desktop"],
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        ["Firefox 132", "Linux", "desktop"],
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
         like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        ["Safari 17", "iOS 17", "phone"],
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        ["Safari 16", "iPadOS 16", "tablet"],
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Mobile Safari/537.36",
        ["Chrome 142", "Android", "phone"],
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/120.0.0.0 Safari/537.36",
        ["Chrome 120", "Android 13", "tablet"],
    ),
    ("MyTv/2.3 (Linux;Android 14) AndroidXMedia3/1.4.1", ["", "Android 14", ""]),
    (
        "AppleCoreMedia/1.0.0.21A329 (iPhone; U; CPU OS 17_0_1 like Mac OS X; en_us)",
        ["", "iOS 17", "phone"],
    ),
    (
        "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/108.0.5359.211 Safari/537.36 WebAppManager",
        ["Chrome 108", "webOS", "tv"],
    ),
    (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) \
         94.0.4606.31/7.0 TV Safari/537.36",
        ["", "Tizen", "tv"],
    ),
    (
        "AppleCoreMedia/1.0.0.19J346 (Apple TV; U; CPU OS 15_0 like Mac OS X; en_us)",
        ["", "tvOS", "tv"],
    ),
    ("Roku/DVP-12.5 (12.5.0.4178-88)", ["", "Roku OS", "tv"]),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ["", "", "bot"]),
    ("tallylight-audience/0.1.0", ["", "", ""]),
    ("", ["", "", ""]),
];

#[test]
fn a_user_agent_tells_system_device_and_browser() {
    for (agent, expected) in AGENTS {
        let found = of(&headers(&[("user-agent", agent)]));
        let got = [found.browser.as_str(), found.os.as_str(), found.device.as_str()];
        assert_eq!(got, *expected, "{agent}");
    }
}

#[test]
fn client_hints_count_before_a_frozen_user_agent() {
    let brands = r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#;
    let found = of(&headers(&[
        ("user-agent", CHROME),
        ("sec-ch-ua", brands),
        ("sec-ch-ua-platform", "\"Windows\""),
        ("sec-ch-ua-platform-version", "\"15.0.0\""),
        ("sec-ch-ua-mobile", "?0"),
    ]));
    assert_eq!((found.browser.as_str(), found.os.as_str()), ("Chrome 142", "Windows 11"));
    assert_eq!(found.device, "desktop");
    let found = of(&headers(&[
        ("user-agent", "Mozilla/5.0 (Linux; Android 10; K) Chrome/142.0.0.0 Safari/537.36"),
        ("sec-ch-ua", r#""Not(A:Brand";v="8", "Chromium";v="142", "Brave";v="142""#),
        ("sec-ch-ua-platform", "\"Android\""),
        ("sec-ch-ua-platform-version", "\"14.0.0\""),
        ("sec-ch-ua-form-factors", "\"Tablet\""),
    ]));
    let got = (found.browser.as_str(), found.os.as_str(), found.device.as_str());
    assert_eq!(got, ("Brave 142", "Android 14", "tablet"));
}

#[test]
fn words_are_short_whatever_is_sent() {
    let long = "9".repeat(9_000);
    let agent = format!("Mozilla/5.0 (Linux; Android {long}) Chrome/{long} Mobile Safari/1");
    let platform = format!("\"{long}\"");
    for headers in [
        headers(&[("user-agent", &agent)]),
        headers(&[
            ("sec-ch-ua-platform", &platform),
            ("sec-ch-ua", &format!("\"{long}\";v=\"1\"")),
        ]),
        headers(&[("sec-ch-ua", ",,;v=,\";v="), ("sec-ch-ua-mobile", "?")]),
    ] {
        let found = of(&headers);
        assert!([&found.player, &found.browser, &found.os].iter().all(|word| word.len() <= MOST));
    }
}
