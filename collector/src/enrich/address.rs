//! Whose address it is: the peer's, unless a proxy of ours stands between.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderValue};
use ipnetwork::IpNetwork;

/// Proxies in a row that are followed.
const HOPS: usize = 16;
/// What most proxies write.
const USUAL: &str = "x-forwarded-for";

/// The address of the client. Every proxy appends whom it saw, so the list is read from its
/// end, and only as long as those who wrote it are trusted: what stands before is anybody's.
pub(super) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNetwork]) -> IpAddr {
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
    client
}

/// Whom the proxies saw, the nearest last. Most proxies write `X-Forwarded-For` and pass on whatever
/// `Forwarded` a client has made up, so that counts only where there is nothing else, readable or
/// not.
fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let listed = |name: &str| {
        let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        let elements = lines.flat_map(|line| line.split(|byte| *byte == b','));
        // One that is no text is nobody's address, and keeps its place between its neighbours.
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

    fn told(name: &'static str, value: &str) -> HeaderMap {
        [(axum::http::HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let ours = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (peer, name, value, expected) in [
            ("203.0.113.9", "x-forwarded-for", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1", "198.51.100.1"),
            ("::ffff:10.0.0.1", "x-forwarded-for", "198.51.100.1:4711", "198.51.100.1"),
            // A client wrote the first one itself.
            ("10.0.0.1", "x-forwarded-for", "8.8.8.8, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "x-forwarded-for", "garbage", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "", "10.0.0.1"),
            ("fd00::1", "forwarded", "for=\"[2001:db8::7]:1\";proto=https", "2001:db8::7"),
            ("10.0.0.1", "forwarded", "proto=http;For=198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "forwarded", "for=_hidden", "10.0.0.1"),
        ] {
            let found = client(&told(name, value), peer.parse().unwrap(), &ours);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {value}");
        }
        let mut both = told("forwarded", "for=8.8.8.8");
        both.extend(told("x-forwarded-for", "198.51.100.1"));
        assert_eq!(client(&both, "10.0.0.1".parse().unwrap(), &ours).to_string(), "198.51.100.1");
        let unreadable = |bytes: &[u8]| {
            let mut headers = told("forwarded", "for=8.8.8.8");
            headers.insert(USUAL, HeaderValue::from_bytes(bytes).unwrap());
            client(&headers, "10.0.0.1".parse().unwrap(), &ours).to_string()
        };
        assert_eq!(unreadable(b"\xff"), "10.0.0.1", "what a client made up is not asked then");
        assert_eq!(unreadable(b"\xff, 198.51.100.1"), "198.51.100.1");
        let endless = told("x-forwarded-for", &"10.0.0.1,".repeat(500));
        assert_eq!(client(&endless, "10.0.0.1".parse().unwrap(), &ours).to_string(), "10.0.0.1");
    }
}
