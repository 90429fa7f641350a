//! How every HTTP service listens, limits its clients, drains and reports errors.
//!
//! - [`Server`] binds an address and serves a router on it within [`Limits`], over HTTP/1.1 and
//!   HTTP/2, with TLS if it is given [`TlsFiles`]. Each connection has its own deadlines (`life`),
//!   an idle one makes room for a client that waits (`registry`), and TLS handshakes of addresses
//!   that never send a request are throttled (`strangers`). A body that no handler reads is received
//!   and discarded before the answer (`body`). It watches the service's background
//!   tasks and ends with [`TaskEnded`] when one of them ends, so that a service never runs with a
//!   part missing.
//! - [`problem::Problem`] is an error as RFC 9457 problem details. This crate defines their form;
//!   the services define the problems.
//! - [`guard::Guard`] refuses requests from pages of other sites; [`guard::check_change`] refuses
//!   changes that are not JSON or lack the service key.
//! - [`exposed`] is the rule of ADR 16: without sign-in, loopback only, unless the operator
//!   declares the network trusted.
//! - [`threads()`] builds low-priority threads for work that must not delay answers.
//!
//! This crate depends on no other crate of the workspace, so that any of them may use it.

mod body;
mod connections;
pub mod guard;
mod http;
mod life;
mod openmetrics;
pub mod problem;
mod registry;
mod request;
mod server;
mod strangers;
mod stream;
mod threads;
mod tls;
mod trust;

pub use openmetrics::openmetrics;
pub use request::Peer;
pub use server::{BindError, Limits, Server, TaskEnded};
pub use threads::{Priority, threads};
pub use tls::{TlsError, TlsFiles};
pub use trust::exposed;
