//! One client of the feed, from hello to goodbye.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use tallylight_store::live::Cursor;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::FeedQuery;
use super::hub::{First, Joined, Outgoing};
use super::message::{self, Hello};
use crate::App;

/// A client whose snapshot takes longer than this is dropped: it would never be up to date.
const LONGEST_GREETING: Duration = Duration::from_secs(120);

/// Why a client's connection ends.
enum End {
    /// The client disconnected, or does not receive what it is sent; no close frame is sent.
    Gone,
    /// The server closes the connection with a code and a reason.
    Closed(u16, &'static str),
}

const SLOW: End = End::Closed(close_code::AGAIN, "too slow: reconnect with resume=<last seq>");
const CLOSING: End = End::Closed(close_code::AWAY, "the dashboard is stopping: reconnect");

pub(super) async fn serve(mut socket: WebSocket, app: &App, query: &FeedQuery) {
    let patience = Duration::from_secs(app.settings.feed.send_timeout_s);
    let mut client = Client { socket: &mut socket, app, patience };
    let end = client.run(query).await;
    if let End::Closed(code, reason) = end {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = timeout(patience, socket.send(Message::Close(Some(frame)))).await;
    }
}

struct Client<'a> {
    socket: &'a mut WebSocket,
    app: &'a App,
    patience: Duration,
}

impl Client<'_> {
    async fn run(&mut self, query: &FeedQuery) -> End {
        tokio::select! {
            () = self.app.hub.wait_ready() => {}
            () = self.app.stop.cancelled() => return CLOSING,
        }
        let greeted = timeout(LONGEST_GREETING, self.greet(query)).await;
        let Ok(Some((seq, mut next))) = greeted else { return End::Gone };
        let every = Duration::from_secs(self.app.settings.feed.ping_s);
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = self.app.stop.cancelled() => return CLOSING,
                message = self.socket.recv() => match message {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return End::Gone,
                    Some(Ok(_)) => heard = Instant::now(),
                },
                message = next.recv() => {
                    let text = match message {
                        Ok(Outgoing::Delta { seq: of, .. }) if of <= seq => continue,
                        Ok(Outgoing::Delta { text, .. } | Outgoing::Status(text)) => text,
                        Err(RecvError::Lagged(_)) => {
                            self.app.metrics.slow_clients.inc();
                            return SLOW;
                        }
                        Err(RecvError::Closed) => return CLOSING,
                    };
                    if self.send(Message::Text(text)).await.is_none() {
                        return End::Gone;
                    }
                }
                _ = pings.tick() => {
                    let silent = heard.elapsed() > 2 * every + self.patience;
                    if silent || self.send(Message::Ping(Default::default())).await.is_none() {
                        return End::Gone;
                    }
                }
            }
        }
    }

    /// Sends hello, then what the client lacks, and the status. Returns the number of the newest
    /// delta covered, and the channel of those that follow.
    async fn greet(&mut self, query: &FeedQuery) -> Option<(u64, Receiver<Outgoing>)> {
        let hub = &self.app.hub;
        let Joined { first, seq, status, next } = hub.join(query);
        let resumed = matches!(first, First::Missed(_));
        let at = hub.now_ms();
        self.send(Message::Text(message::text(&Hello::new(at, hub.session(), resumed)))).await?;
        match first {
            First::Missed(missed) => {
                self.app.metrics.resumed_clients.inc();
                for text in missed {
                    self.send(Message::Text(text)).await?;
                }
                // A status ahead of its rows would say that there were none in the gap.
                self.status(status).await?;
            }
            First::Snapshot(from) => {
                self.status(status).await?;
                self.snapshot(from, seq).await?;
            }
        }
        Some((seq, next))
    }

    /// Sends the newest status, if there was one.
    async fn status(&mut self, status: Option<Utf8Bytes>) -> Option<()> {
        match status {
            Some(text) => self.send(Message::Text(text)).await,
            None => Some(()),
        }
    }

    /// Reads the snapshot part by part while it is sent: a slow client holds only one part in
    /// memory, which is about a message or one pane, whichever is larger.
    async fn snapshot(&mut self, from: Cursor, seq: u64) -> Option<()> {
        let mut rest = Some(from);
        while let Some(from) = rest {
            let (tables, next) = self.app.hub.part(from);
            for text in message::snapshot(&tables, (seq, self.app.hub.now_ms()), next.is_some()) {
                self.send(Message::Text(text)).await?;
            }
            rest = next;
        }
        Some(())
    }

    /// `None` when the client is gone, or has not received the message in time.
    async fn send(&mut self, message: Message) -> Option<()> {
        match timeout(self.patience, self.socket.send(message)).await {
            Ok(sent) => sent.ok(),
            Err(_) => {
                self.app.metrics.slow_clients.inc();
                None
            }
        }
    }
}
