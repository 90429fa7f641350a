//! Receiving a body cheaply: most are small, and come whole together with their head.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};

/// What `work` comes to when it is asked twice: hyper hands over a body that came with its head
/// after it was asked for once. A timer costs more than that, so it is for whoever sends slowly.
pub(super) async fn at_once<T>(mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut asked = false;
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

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

    #[tokio::test]
    async fn what_is_there_at_the_second_asking_needs_no_timer() {
        let there_after = |turns: u32| {
            let mut asked = 0;
            poll_fn(move |_| {
                asked += 1;
                if asked > turns { Poll::Ready(asked) } else { Poll::Pending }
            })
        };
        for (turns, found) in [(0, Some(1)), (1, Some(2)), (2, None)] {
            let mut work = std::pin::pin!(there_after(turns));
            assert_eq!(at_once(work.as_mut()).await, found);
            // What was not there yet is asked again by whoever waits for it.
            if found.is_none() {
                assert_eq!(work.await, 3);
            }
        }
    }
}
