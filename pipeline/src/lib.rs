//! The media data path: encoder, packager, origin, edge, manifests, steering.

pub mod edge;
pub mod encoder;
pub mod ladder;
pub mod manifest;
pub mod mp4;
pub mod origin;
pub mod packager;
pub mod report;
pub mod serve;
pub mod steering;
