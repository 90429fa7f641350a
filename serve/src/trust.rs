//! Which addresses a service may listen on.

use std::net::SocketAddr;

/// What is wrong with listening on `listen`, for a service without sign-in. `None` if only this
/// machine can reach it, or if `trusted_network = true`.
pub fn exposed(listen: SocketAddr, trusted_network: bool) -> Option<String> {
    let remote = !listen.ip().to_canonical().is_loopback() && !trusted_network;
    remote.then(|| {
        format!(
            "listen: {listen} is reached from other machines and there is no sign-in; use \
             127.0.0.1, or set trusted_network = true"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_only_in_a_trusted_network() {
        for local in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(exposed(local.parse().unwrap(), false), None, "{local}");
        }
        for remote in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "[::ffff:10.0.0.1]:1"] {
            let mistake = exposed(remote.parse().unwrap(), false).unwrap();
            assert!(mistake.contains("trusted_network"), "{mistake}");
            assert_eq!(exposed(remote.parse().unwrap(), true), None, "{remote}");
        }
    }
}
