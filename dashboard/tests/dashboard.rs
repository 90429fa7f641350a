//! The dashboard as its users meet it: over real sockets, on a memory log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "dashboard/control.rs"]
mod control;
#[path = "dashboard/feed.rs"]
mod feed;
#[path = "dashboard/guard.rs"]
mod guard;
#[path = "dashboard/http.rs"]
mod http;
#[path = "dashboard/proxy.rs"]
mod proxy;
#[path = "dashboard/series.rs"]
mod series;
#[path = "dashboard/sql.rs"]
mod sql;
#[path = "dashboard/support.rs"]
mod support;
#[path = "dashboard/tail.rs"]
mod tail;
