//! Refuses to start into ports that somebody else holds.

use std::net::TcpListener;

use anyhow::bail;

use crate::settings::Settings;

/// An error that names the first port that is taken, and what to do.
pub(super) fn refuse_taken(settings: &Settings) -> anyhow::Result<()> {
    for (name, address) in settings.listeners() {
        if let Err(error) = TcpListener::bind(address) {
            bail!(
                "{name} cannot listen on {address}: {error}. Stop what runs there, or move every \
                 port with --ports BASE (the default is 7700)"
            );
        }
    }
    Ok(())
}
