//! How every HTTP service listens, caps, drains and says what is wrong.
//!
//! - [`Server`] binds an address and serves a router on it within [`Limits`], over HTTP/1.1 and
//!   HTTP/2, with TLS where it is given [`TlsFiles`]. Each connection has a life with times of
//!   its own (`life`), one that is idle gives its place to one that waits (`roll`), and the
//!   handshakes of who never asks take turns (`strangers`). It watches the service's background
//!   tasks and ends with [`TaskEnded`] when one of them does, so that a service never goes on
//!   half alive.
//! - [`problem::Problem`] is an error as RFC 9457 problem details. Which problems there are is
//!   the services' business; only their form is here.
//! - [`guard::Guard`] turns away what pages of other sites send; [`guard::check_change`] what
//!   would change something without being JSON or without the service key.
//! - [`exposed`] is the rule of ADR 16: without sign-in, loopback only, unless the operator says
//!   that the network is trusted.
//! - [`threads()`] are those on which a service does what must take no time from who waits.
//!
//! This crate knows none of the others, so that any of them may use it.

mod asking;
mod connections;
pub mod guard;
mod http;
mod life;
mod openmetrics;
mod place;
pub mod problem;
mod roll;
mod server;
mod strangers;
mod threads;
mod tls;
mod trust;

pub use asking::Peer;
pub use openmetrics::openmetrics;
pub use server::{BindError, Limits, Server, TaskEnded};
pub use threads::{Priority, threads};
pub use tls::{TlsError, TlsFiles};
pub use trust::exposed;
