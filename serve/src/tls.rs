//! TLS: the certificate and key from two files, reloaded whenever one of them changes.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// How often the files are checked.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Identifies a version of the two files.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

/// Files of the certificate and its key; they are reloaded when they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain, PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// Its private key, PEM (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("tls: cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not contain what it should.
    #[error("tls: {path} holds no {what} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// The two files do not belong together.
    #[error("tls: {cert} and {key} cannot be used together: {source}")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

impl TlsFiles {
    /// Reads and checks both files.
    fn load(&self) -> Result<TlsAcceptor, TlsError> {
        let pem = |path: &Path, what| TlsError::Pem { path: path.to_owned(), what };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&read(&self.cert)?)
                .collect::<Result<_, _>>()
                .map_err(|_| pem(&self.cert, "certificate"))?;
        if chain.is_empty() {
            return Err(pem(&self.cert, "certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|_| pem(&self.key, "private key"))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(|source| {
                    let (cert, key) = (self.cert.clone(), self.key.clone());
                    TlsError::Pair { cert, key, source }
                })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn stamp(&self) -> Stamp {
        [&self.cert, &self.key].map(|path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len(), meta.ino()))
        })
    }
}

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    /// The version of the files that was read first.
    first: Stamp,
    acceptor: RwLock<TlsAcceptor>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let first = files.stamp();
        let acceptor = RwLock::new(files.load()?);
        Ok(Self { files, first, acceptor })
    }

    /// The acceptor for the next handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().clone()
    }

    /// Loads changed certificates, for as long as it is polled. The current one stays in use until
    /// both files match again.
    pub(crate) async fn keep_fresh(&self) -> Infallible {
        let (mut seen, mut logged) = (self.first, String::new());
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            // Two small local files: a check costs microseconds, and reads are rare.
            let stamp = self.files.stamp();
            if seen != stamp || !logged.is_empty() {
                logged = self.reload(logged);
            }
            seen = stamp;
        }
    }

    /// Reads the files again. An error is logged once: `logged` is the last one, and the error, if
    /// any, is returned.
    fn reload(&self, logged: String) -> String {
        match self.files.load() {
            Ok(acceptor) => {
                *self.acceptor.write() = acceptor;
                tracing::info!(cert = %self.files.cert.display(), "a new certificate is in use");
                String::new()
            }
            Err(error) => {
                let text = error.to_string();
                if text != logged {
                    tracing::error!(%error, "the earlier certificate stays in use");
                }
                text
            }
        }
    }
}
