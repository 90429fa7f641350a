//! The player's first call: `POST /v1/play/<stream>` answers where the session's manifests are.

use serde::Deserialize;
use url::Url;

use crate::fetch::{self, FetchError};

/// As much of the answer as an HLS viewer needs.
#[derive(Debug, Deserialize)]
struct Session {
    sid: String,
    hls: String,
}

/// The address of the master playlist of the session that is opened at `address`.
pub async fn master(client: &reqwest::Client, address: &str, sid: &str) -> Result<Url, FetchError> {
    let broken = |error: &dyn std::fmt::Display| FetchError::Broken(error.to_string());
    let url = Url::parse(address).map_err(|error| broken(&error))?;
    let wish = serde_json::json!({ "sid": sid, "player": "tallylight-audience" });
    let text = fetch::post(client, url.clone(), wish.to_string()).await?;
    let session: Session = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    if session.sid != sid {
        // Beacons of the start are on their way under our own id already.
        tracing::warn!(asked = sid, got = session.sid, "the play answer names another session");
    }
    url.join(&session.hls).map_err(|error| broken(&error))
}
