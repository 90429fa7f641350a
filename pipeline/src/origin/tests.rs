//! The origin as packagers and edges use it, over HTTP.

mod hold;
mod put;
mod restart;
pub(crate) mod support;
mod two_pipelines;
