//! A body put together of its pieces.

use bytes::{Bytes, BytesMut};

/// Pieces of a body as one. Most bodies come in one piece, which is not copied.
pub(super) fn put_together(whole: Bytes, more: Bytes) -> Bytes {
    if whole.is_empty() {
        return more;
    }
    let mut whole = whole.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
    whole.extend_from_slice(&more);
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_together_in_order() {
        let pieces = ["", "a", "", "bc", "d"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let whole = pieces.into_iter().fold(Bytes::new(), put_together);
        assert_eq!(whole, "abcd");
    }
}
