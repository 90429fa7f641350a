//! Picture and audio as functions of an index counted from the Unix epoch, so that all encoders
//! produce the same (ADR 20). No I/O and no clock in here.

#[cfg(feature = "media")]
pub(crate) mod draw;
#[cfg(feature = "media")]
mod font;
pub(crate) mod jump;
#[cfg(any(test, feature = "media"))]
pub(crate) mod still;
pub(crate) mod strip;
#[cfg(feature = "media")]
pub(crate) mod tone;
