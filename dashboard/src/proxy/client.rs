//! The proxy's client: unlike one that parses URLs, it forwards paths and queries byte for byte.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// A client for services without TLS and, where `tls` is set, with it. It trusts the certificates
/// that the system trusts, or those in the file that `SSL_CERT_FILE` names.
pub(crate) fn client(tls: bool) -> io::Result<HttpClient> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(2)));
    connector.set_nodelay(true);
    // The connector around this one decides whether `https` is allowed.
    connector.enforce_http(false);
    let (builder, provider) = (HttpsConnectorBuilder::new(), aws_lc_rs::default_provider());
    let builder = if tls {
        builder.with_provider_and_native_roots(provider)?
    } else {
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let no_roots = RootCertStore::empty();
        builder.with_tls_config(config.with_root_certificates(no_roots).with_no_client_auth())
    };
    let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(32).build(connector))
}
