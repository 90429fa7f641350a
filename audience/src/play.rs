//! The player's first call: `POST /v1/play/<stream>` returns the session's manifest addresses.

use serde::Deserialize;
use url::Url;

use crate::fetch::{self, FetchError};

/// The part of the answer that an HLS viewer needs.
#[derive(Debug, Deserialize)]
struct Session {
    sid: String,
    hls: String,
}

/// Opens a session at `address` and returns the URL of its master playlist.
pub async fn master(client: &reqwest::Client, address: &str, sid: &str) -> Result<Url, FetchError> {
    let broken = |error: &dyn std::fmt::Display| FetchError::Broken(error.to_string());
    let url = Url::parse(address).map_err(|error| broken(&error))?;
    let body = serde_json::json!({ "sid": sid, "player": "tallylight-audience" });
    let text = fetch::post(client, url.clone(), body.to_string()).await?;
    let session: Session = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    if session.sid != sid {
        // The first beacons were already sent under our own id.
        tracing::warn!(asked = sid, got = session.sid, "the play answer names another session");
    }
    url.join(&session.hls).map_err(|error| broken(&error))
}
