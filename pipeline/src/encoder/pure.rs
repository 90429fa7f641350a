//! Picture and sound as functions of an index counted from the Unix epoch, so that every
//! encoder that runs at all produces the same (ADR 20). No I/O and no clock in here.

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
