//! Configuration of HTTP/1.1 and HTTP/2. The client's first bytes select the protocol.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// The most bytes of a request's head, and of a connection's write buffer.
pub(crate) const HEAD_BYTES: usize = 64 << 10;
/// Concurrent requests on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Limits of streams that the client reset before they were accepted, and of streams that the
/// server reset because of what the client sent. Beyond them the connection is ended, with all its
/// requests. Each frame of a body that arrives long after its request was refused is a reset, too.
const PENDING_RESETS: usize = 20;
const OWN_RESETS: usize = 1_024;
/// Flow control windows per stream and per connection, in bytes.
const STREAM_WINDOW: u32 = 256 << 10;
pub(crate) const CONNECTION_WINDOW: u32 = 512 << 10;
/// A client that has disappeared silently is detected after the sum of these two.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Serves connections of both protocols. It has no timeouts: `Life` has them, since hyper's start
/// with HTTP and would not cover silent connections and incomplete handshakes.
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
