//! A content-steering client (HLS draft 8216bis, section 7): when to send a request, what it
//! says, and what the answer means.

use serde::Deserialize;
use url::Url;

/// Seconds until the next request when the answer names none.
const DEFAULT_TTL_S: u64 = 300;
/// The shortest time between requests, seconds, whatever the server asks.
const SHORTEST_S: u64 = 1;

/// A steering manifest; unknown keys are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Manifest {
    version: u64,
    ttl: Option<u64>,
    reload_uri: Option<String>,
    #[serde(default)]
    pathway_priority: Vec<String>,
}

/// A steering server's answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// Its body.
    pub body: &'a str,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u64>,
}

/// The client of one session.
#[derive(Debug, Clone)]
pub struct Client {
    uri: Url,
    ttl_s: u64,
    /// When to ask next; `None` while a request is in flight, and after the server's 410.
    due_us: Option<i64>,
}

impl Client {
    /// A client whose first request, to `uri`, is due at once.
    pub fn new(uri: Url, now_us: i64) -> Self {
        Self { uri, ttl_s: DEFAULT_TTL_S, due_us: Some(now_us) }
    }

    /// When to ask next.
    pub fn due_us(&self) -> Option<i64> {
        self.due_us
    }

    /// The request to send now: it names the pathway in use and its throughput, bits a second.
    pub fn request(&mut self, pathway: &str, throughput: Option<u64>) -> Url {
        self.due_us = None;
        let mut url = self.uri.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("_HLS_pathway", pathway);
        if let Some(bits) = throughput {
            query.append_pair("_HLS_throughput", &bits.to_string());
        }
        drop(query);
        url
    }

    /// Takes an answer; a valid one yields the order of pathways.
    pub fn take(&mut self, answer: Answer<'_>, now_us: i64) -> Option<Vec<String>> {
        let wait_s = |seconds: u64| {
            let us = seconds.max(SHORTEST_S).saturating_mul(1_000_000);
            Some(now_us.saturating_add(i64::try_from(us).unwrap_or(i64::MAX)))
        };
        self.due_us = wait_s(self.ttl_s);
        match answer.status {
            200 => {}
            410 => {
                self.due_us = None;
                return None;
            }
            429 => {
                self.due_us = wait_s(answer.retry_after_s.unwrap_or(self.ttl_s));
                return None;
            }
            _ => return None,
        }
        let manifest: Manifest = serde_json::from_str(answer.body).ok()?;
        if manifest.version != 1 {
            return None;
        }
        self.ttl_s = manifest.ttl.unwrap_or(DEFAULT_TTL_S);
        self.due_us = wait_s(self.ttl_s);
        if let Some(next) = manifest.reload_uri.and_then(|uri| self.uri.join(&uri).ok()) {
            self.uri = next;
        }
        Some(manifest.pathway_priority).filter(|priority| !priority.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn client() -> Client {
        Client::new(Url::parse("http://h/steering/hls?sid=a").unwrap(), 7)
    }

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer { status, body, retry_after_s: None }
    }

    #[test]
    fn asks_with_its_pathway_and_obeys_ttl_and_reload_uri() {
        let mut client = client();
        assert_eq!(client.due_us(), Some(7));
        let url = client.request("e1", Some(4_000_000));
        assert_eq!(
            url.as_str(),
            "http://h/steering/hls?sid=a&_HLS_pathway=e1&_HLS_throughput=4000000"
        );
        assert_eq!(client.due_us(), None, "one request at a time");
        let body = r#"{"VERSION":1,"TTL":5,"RELOAD-URI":"hls2?sid=b","PATHWAY-PRIORITY":["e2","e1"],"NEW":{}}"#;
        assert_eq!(client.take(answer(200, body), S).unwrap(), ["e2", "e1"]);
        assert_eq!(client.due_us(), Some(6 * S));
        assert!(client.request("e2", None).as_str().starts_with("http://h/steering/hls2?sid=b&"));
    }

    #[test]
    fn without_a_ttl_it_is_five_minutes_and_a_bad_answer_keeps_the_last() {
        let mut client = client();
        let body = r#"{"VERSION":1,"PATHWAY-PRIORITY":["e1"]}"#;
        assert!(client.take(answer(200, body), 0).is_some());
        assert_eq!(client.due_us(), Some(300 * S));
        client.take(answer(200, r#"{"VERSION":1,"TTL":10,"PATHWAY-PRIORITY":["e1"]}"#), 0);
        for (status, body) in [
            (500, ""),
            (0, ""),
            (200, "{"),
            (200, r#"{"VERSION":2,"TTL":1,"PATHWAY-PRIORITY":["e9"]}"#),
            (200, r#"{"VERSION":1,"TTL":10,"PATHWAY-PRIORITY":[]}"#),
        ] {
            assert_eq!(client.take(answer(status, body), S), None, "{status} {body}");
            assert_eq!(client.due_us(), Some(11 * S), "{status} {body}");
        }
    }

    #[test]
    fn gone_ends_it_and_too_many_requests_waits_as_asked() {
        let mut client = client();
        let wait = Answer { status: 429, body: "", retry_after_s: Some(20) };
        assert_eq!((client.take(wait, 0), client.due_us()), (None, Some(20 * S)));
        assert_eq!((client.take(answer(410, ""), 0), client.due_us()), (None, None));
    }
}
