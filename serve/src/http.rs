//! How HTTP/1.1 and HTTP/2 are spoken: which of the two, the client's first bytes say.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// Bytes of a request's head, and of whatever waits in a connection to be written.
const HEAD_BYTES: usize = 64 << 10;
/// Requests under way on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Streams that were reset by the client before they were looked at, and by us for a mistake
/// of the client's: more end the connection.
const PENDING_RESETS: usize = 20;
const OWN_RESETS: usize = 64;
/// Bytes that a client may send ahead of being read, by stream and by connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
/// A client that has gone away without a word is noticed after these two together.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Serves connections of both kinds. Times are not its business: the connection's life has them,
/// as hyper's own begin with HTTP and would leave silent and half-greeted connections out.
pub(crate) fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(OWN_RESETS)
        .max_header_list_size(HEAD_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(HEAD_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    builder
}
