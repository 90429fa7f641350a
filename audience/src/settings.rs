//! The audience's settings and their validation.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

/// The shortest script, seconds.
const SHORTEST_S: u32 = 30;
/// Time that a script needs beside arriving and staying, seconds: bad starts and last beacons.
const ASIDE_S: u32 = 12;
/// Time that a stall takes, seconds: the buffer, of 6 to 8 s and more after each stall, must run
/// empty first.
pub(crate) const STALL_S: u32 = 16;

/// Simulated viewers (docs/audience.md).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Viewers at the same time.
    pub viewers: u32,
    /// Stream name.
    pub stream: String,
    /// The steering service, which serves manifests.
    pub steering_url: String,
    /// The collector, where beacons go.
    pub collector_url: String,
    /// The beacons' write key at the collector.
    pub key: String,
    /// Chooses the viewers' plans; the same seed gives the same plans.
    pub seed: u64,
    /// Time over which the first viewers arrive.
    pub arrive_s: u32,
    /// How long a script runs; 0 has no script and runs until stopped.
    pub duration_s: u32,
    /// Start failures in the script, as many exits before start, and as many failures.
    pub bad_starts: u32,
    /// Stalls per viewer in the script.
    pub stalls_per_viewer: u32,
    /// The file for the ledger of what really happened to each viewer; none writes nothing.
    pub ledger: Option<PathBuf>,
    /// Also writes every media request into the ledger.
    pub ledger_requests: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            viewers: 200,
            stream: "demo".to_owned(),
            steering_url: "http://127.0.0.1:7720".to_owned(),
            collector_url: "http://127.0.0.1:7701".to_owned(),
            key: "demo".to_owned(),
            seed: 1,
            arrive_s: 8,
            duration_s: 0,
            bad_starts: 0,
            stalls_per_viewer: 2,
            ledger: None,
            ledger_requests: false,
        }
    }
}

impl Settings {
    /// Every mistake in the settings, together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.viewers > 20_000 {
            mistakes.push(format!("viewers is {}; it must be 0 to 20000", self.viewers));
        }
        for (name, url) in
            [("steering_url", &self.steering_url), ("collector_url", &self.collector_url)]
        {
            if !is_base(url) {
                mistakes.push(format!(
                    "{name} is {url:?}; it must be an http:// or https:// address without ? and #"
                ));
            }
        }
        if self.duration_s > 0 {
            self.validate_script(&mut mistakes);
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn validate_script(&self, mistakes: &mut Vec<String>) {
        if self.bad_starts > self.viewers / 3 {
            mistakes.push(format!(
                "bad_starts is {}; it must be a third of the viewers at most",
                self.bad_starts
            ));
        }
        let script_s = self.duration_s;
        if script_s < SHORTEST_S {
            mistakes
                .push(format!("duration_s is {script_s}; it must be 0, or {SHORTEST_S} and more"));
            return;
        }
        let stay_s = self.stay_s();
        if stay_s == 0 {
            mistakes.push(format!(
                "arrive_s is {}; it must be {} at most, or nobody stays in a duration_s of \
                 {script_s}",
                self.arrive_s,
                script_s - ASIDE_S - 1
            ));
        } else if self.stalls_per_viewer > stay_s / STALL_S {
            mistakes.push(format!(
                "stalls_per_viewer is {}; it must be {} at most: each takes {STALL_S} s of the \
                 {stay_s} s that a viewer stays (duration_s - arrive_s - {ASIDE_S})",
                self.stalls_per_viewer,
                stay_s / STALL_S
            ));
        }
    }

    /// How long each viewer of a script stays.
    pub(crate) fn stay_s(&self) -> u32 {
        self.duration_s.saturating_sub(self.arrive_s).saturating_sub(ASIDE_S)
    }

    /// Where beacons go.
    pub(crate) fn beacons_url(&self) -> String {
        let key: String = form_urlencoded::byte_serialize(self.key.as_bytes()).collect();
        format!("{}/v1/cmcd?k={key}", self.collector_url.trim_end_matches('/'))
    }

    /// Where a session of `stream` is opened.
    pub(crate) fn play_url(&self, stream: &str) -> String {
        format!("{}/v1/play/{stream}", self.steering_url.trim_end_matches('/'))
    }
}

/// Whether paths can be added to `text`.
fn is_base(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        is_http && url.query().is_none() && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes of a script changed by `edit`.
    fn mistakes_of(edit: impl Fn(&mut Settings)) -> Vec<String> {
        let mut settings = Settings { duration_s: 52, ..Settings::default() };
        edit(&mut settings);
        settings.validate().err().unwrap_or_default()
    }

    #[test]
    fn addresses_have_a_scheme_and_may_end_in_a_slash() {
        for wrong in ["localhost:7720", "127.0.0.1:7720", "ftp://h", "http://h?a=b", "http://h#a"] {
            let [mistake]: [String; 1] =
                mistakes_of(|s| s.steering_url = wrong.to_owned()).try_into().unwrap();
            let start = format!("steering_url is {wrong:?}; it must be an http:// or https:// ");
            assert!(mistake.starts_with(&start), "{mistake}");
        }
        let settings = Settings {
            steering_url: "http://h:1/".to_owned(),
            collector_url: "https://h/door//".to_owned(),
            key: "a+b&c".to_owned(),
            ..Settings::default()
        };
        assert_eq!(settings.validate(), Ok(()));
        assert_eq!(settings.play_url("demo"), "http://h:1/v1/play/demo");
        assert_eq!(settings.beacons_url(), "https://h/door/v1/cmcd?k=a%2Bb%26c");
    }

    #[test]
    fn a_script_leaves_time_to_watch_and_to_stall() {
        assert!(mistakes_of(|_| ()).is_empty(), "two stalls just fit");
        let shortest = |s: &mut Settings| (s.duration_s, s.stalls_per_viewer) = (30, 0);
        assert!(mistakes_of(shortest).is_empty());
        assert!(mistakes_of(|s| (s.arrive_s, s.stalls_per_viewer) = (39, 0)).is_empty());
        assert!(
            mistakes_of(|s| (s.duration_s, s.arrive_s) = (0, u32::MAX)).is_empty(),
            "no script"
        );
        for arrive_s in [40, u32::MAX] {
            let mistake = "it must be 39 at most, or nobody stays in a duration_s of 52";
            let mistake = format!("arrive_s is {arrive_s}; {mistake}");
            assert_eq!(mistakes_of(|s| s.arrive_s = arrive_s), [mistake]);
        }
        let mistake = "stalls_per_viewer is 3; it must be 2 at most: each takes 16 s of the 32 s \
                       that a viewer stays (duration_s - arrive_s - 12)";
        assert_eq!(mistakes_of(|s| s.stalls_per_viewer = 3), [mistake]);
        let mistake = "bad_starts is 2147483648; it must be a third of the viewers at most";
        assert_eq!(mistakes_of(|s| s.bad_starts = 1 << 31), [mistake]);
        assert_eq!(
            mistakes_of(|s| s.duration_s = 29),
            ["duration_s is 29; it must be 0, or 30 and more"]
        );
    }
}
