//! Refuses to start if a port is not free for one of the services.

use std::net::{SocketAddr, TcpListener};

use anyhow::bail;

use crate::settings::{Listener, Settings};

/// Fails if a port is taken, by another process or by two of our own services; the error names the
/// first one, and what to do. Only `up` has them all on one machine: elsewhere two services may
/// well have the same address in one file.
pub(super) fn refuse_taken(settings: &Settings) -> anyhow::Result<()> {
    let mut held: Vec<(Listener, TcpListener)> = Vec::new();
    for listener in settings.listeners() {
        let (what, at) = (&listener.what, listener.at);
        let error = match TcpListener::bind(at) {
            Ok(socket) => {
                held.push((listener, socket));
                continue;
            }
            Err(error) => error,
        };
        if let Some((own, _)) = held.iter().find(|(own, _)| overlap(own.at, at)) {
            let other = &own.what;
            bail!("{what} and {other} cannot both listen on {at}: give each a port of its own");
        }
        bail!(
            "{what} cannot listen on {at}: {error}. Stop what runs there, or move our ports: \
             --ports BASE (the default is 7700) moves those that neither the settings' file nor \
             the environment sets; a second one of us needs a folder of its own too, --data DIR"
        );
    }
    Ok(())
}

/// Whether one address has the other's port; an unspecified one has that of every interface.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (any || one.ip() == other.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_reported_with_who_has_it() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let other = TcpListener::bind(any).unwrap();
        let at = other.local_addr().unwrap();
        let mut settings = Settings { control: any, ..Settings::default() };
        settings.dashboard.listen = any;
        settings.collector.listen = any;
        settings.steering.listen = any;
        settings.origin.listen = any;
        settings.edges.values_mut().for_each(|edge| edge.listen = at);

        let refused = refuse_taken(&settings).unwrap_err().to_string();
        assert!(refused.contains("edge-e1 cannot listen on"), "{refused}");
        assert!(refused.contains("--ports BASE") && refused.contains("file"), "{refused}");
        drop(other);
        let refused = refuse_taken(&settings).unwrap_err().to_string();
        let both = format!("edge-e2 and edge-e1 cannot both listen on {at}");
        assert!(refused.contains(&both), "{refused}");
        // Edges without an encoder do not run.
        settings.pipelines.clear();
        refuse_taken(&settings).unwrap();
    }
}
