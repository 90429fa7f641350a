//! The proof that this service issued a session: a keyed hash of its sid, carried in every address
//! of the session.

use uuid::Uuid;

use super::session::Query;

/// Signs sids, so that issued sessions can be told from made-up ones.
#[derive(Clone)]
pub(super) struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Signs with a key derived from the service key, or with a random key of this start.
    pub(super) fn new(service_key: Option<&str>) -> Self {
        let random = || format!("{}{}", Uuid::new_v4(), Uuid::new_v4());
        let secret = service_key.map_or_else(random, str::to_owned);
        Self(blake3::derive_key("tallylight manifest session token v1", secret.as_bytes()))
    }

    /// The token of a session.
    pub(super) fn sign(&self, sid: &str) -> String {
        blake3::keyed_hash(&self.0, sid.as_bytes()).to_hex().as_str().chars().take(32).collect()
    }

    /// Whether a query names a session that was issued by a holder of this key.
    pub(super) fn proves(&self, query: &Query) -> bool {
        let Some((sid, token)) = query.sid.as_deref().zip(query.token.as_deref()) else {
            return false;
        };
        // Hashes are compared in constant time.
        blake3::hash(token.as_bytes()) == blake3::hash(self.sign(sid).as_bytes())
    }

    /// How our addresses name a session; only an issued one gets the proof.
    pub(super) fn part(&self, sid: &str, given: bool) -> String {
        let token = given.then(|| format!("&token={}", self.sign(sid)));
        format!("sid={sid}{}", token.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_proves_its_sid_under_its_key() {
        let (token, other) = (Token::new(Some("secret")), Token::new(Some("other")));
        let query = |part: String| Query::of(&format!("/steering/hls?{part}").parse().unwrap());
        let given = query(token.part("a", true));
        assert!(token.proves(&given) && Token::new(Some("secret")).proves(&given));
        assert!(!other.proves(&given) && !Token::new(None).proves(&given));
        let moved = token.part("a", true).replace("sid=a", "sid=b");
        for made_up in [token.part("a", false), moved, "sid=a&token=".into()] {
            assert!(!token.proves(&query(made_up.clone())), "{made_up}");
        }
    }
}
