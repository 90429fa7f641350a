//! Refuses to start if another process holds one of the ports.

use std::net::TcpListener;

use anyhow::bail;

use crate::settings::{Listener, Settings};

/// Fails if a port is taken; the error names the first one, and what to do.
pub(super) fn refuse_taken(settings: &Settings) -> anyhow::Result<()> {
    for Listener { what, at, .. } in settings.listeners() {
        if let Err(error) = TcpListener::bind(at) {
            bail!(
                "{what} cannot listen on {at}: {error}. Stop what runs there, or move every \
                 port with --ports BASE (the default is 7700); a second one of us needs a \
                 folder of its own too, --data DIR"
            );
        }
    }
    Ok(())
}
