//! The address of the client: the peer's, unless proxies of ours are between.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderValue};
use ipnetwork::IpNetwork;

/// Most proxies in a row that are followed.
const HOPS: usize = 16;
/// The header that most proxies write.
const USUAL: &str = "x-forwarded-for";

/// The address of the client. Every proxy appends the address that it saw, so the list is read
/// from its end, and only as far as it was written by trusted proxies: anyone may have written the
/// rest. `None` when it leads no further than to a proxy of ours, whose place is not the viewer's.
pub(super) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNetwork]) -> Option<IpAddr> {
    let is_ours = |at: IpAddr| trusted.iter().any(|network| network.contains(at));
    let mut client = peer.to_canonical();
    let seen = forwarded(headers);
    for said in seen.iter().rev().take(HOPS) {
        if !is_ours(client) {
            break;
        }
        let Some(before) = address(said) else { break };
        client = before;
    }
    (!is_ours(client)).then_some(client)
}

/// The addresses that the proxies saw, the nearest last. Most proxies write `X-Forwarded-For` and
/// pass on any `Forwarded` that a client made up, so the latter counts only where the former is
/// absent, readable or not.
fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let listed = |name: &str| {
        let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        let elements = lines.flat_map(|line| line.split(|byte| *byte == b','));
        // An element that is not text is not an address, and keeps its place in the list.
        let texts = elements.map(|element| std::str::from_utf8(element).unwrap_or_default());
        texts.map(str::trim).collect::<Vec<_>>()
    };
    if headers.contains_key(USUAL) {
        return listed(USUAL);
    }
    listed(FORWARDED.as_str()).into_iter().map(seen_for).collect()
}

/// The node in `for=` of one element of `Forwarded` (RFC 7239).
fn seen_for(element: &str) -> &str {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    nodes.next().map_or("", |(_, node)| node.trim().trim_matches('"'))
}

fn address(node: &str) -> Option<IpAddr> {
    let bare = node.trim_start_matches('[').trim_end_matches(']');
    let with_port = || node.parse::<SocketAddr>().ok().map(|at| at.ip());
    bare.parse().ok().or_else(with_port).map(|at: IpAddr| at.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(axum::http::HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let ours = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (peer, name, value, expected) in [
            ("203.0.113.9", "x-forwarded-for", "198.51.100.1", Some("203.0.113.9")),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1", Some("198.51.100.1")),
            ("::ffff:10.0.0.1", "x-forwarded-for", "198.51.100.1:4711", Some("198.51.100.1")),
            // A client wrote the first one itself.
            (
                "10.0.0.1",
                "x-forwarded-for",
                "8.8.8.8, 198.51.100.1, 10.0.0.2",
                Some("198.51.100.1"),
            ),
            ("fd00::1", "forwarded", "for=\"[2001:db8::7]:1\";proto=https", Some("2001:db8::7")),
            ("10.0.0.1", "forwarded", "proto=http;For=198.51.100.1", Some("198.51.100.1")),
            // A proxy that does not name the client is not the client.
            ("10.0.0.1", "x-forwarded-for", "garbage", None),
            ("10.0.0.1", "x-forwarded-for", "unknown", None),
            ("10.0.0.1", "x-forwarded-for", "", None),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1, 10.0.0.3, unknown", None),
            ("10.0.0.1", "x-other", "198.51.100.1", None),
            ("10.0.0.1", "forwarded", "for=_hidden", None),
        ] {
            let found = client(&headers(name, value), peer.parse().unwrap(), &ours);
            let expected = expected.map(|at: &str| at.parse::<IpAddr>().unwrap());
            assert_eq!(found, expected, "{peer} {value}");
        }
        let direct = client(&HeaderMap::new(), "10.0.0.1".parse().unwrap(), &[]);
        assert_eq!(direct, "10.0.0.1".parse().ok(), "without trusted networks it is no proxy");
        let mut both = headers("forwarded", "for=8.8.8.8");
        both.extend(headers("x-forwarded-for", "198.51.100.1"));
        let proxy = "10.0.0.1".parse().unwrap();
        assert_eq!(client(&both, proxy, &ours), "198.51.100.1".parse().ok());
        let unreadable = |bytes: &[u8]| {
            let mut headers = headers("forwarded", "for=8.8.8.8");
            headers.insert(USUAL, HeaderValue::from_bytes(bytes).unwrap());
            client(&headers, proxy, &ours)
        };
        assert_eq!(unreadable(b"\xff"), None, "what a client made up is not read then");
        assert_eq!(unreadable(b"\xff, 198.51.100.1"), "198.51.100.1".parse().ok());
        let endless = headers("x-forwarded-for", &"10.0.0.1,".repeat(500));
        assert_eq!(client(&endless, proxy, &ours), None);
    }
}
