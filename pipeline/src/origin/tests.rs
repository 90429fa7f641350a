//! The origin as packagers and edges meet it, over HTTP.

mod hold;
mod put;
mod restart;
pub(crate) mod support;
mod two_pipelines;
