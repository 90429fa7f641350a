//! The processor as a whole, against an oracle that counts milliseconds by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod adaptation;
mod again;
mod bounds;
mod contest;
mod control;
mod dead;
mod headless;
mod history;
mod late;
mod live;
mod log;
mod looks;
mod oracle;
mod order;
mod players;
mod refused;
mod replay;
mod reported;
mod requests;
mod responses;
mod rollup;
mod rules;
mod script;
mod silences;
mod snapshot;
mod sums;
mod totals;
mod waits;
mod world;
