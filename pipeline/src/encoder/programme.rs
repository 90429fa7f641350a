//! The live source from start to end: slate, announcement, media thread.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::feed::{Outlet, failed};
use super::{EncoderError, Parts, Settings, finish, live, offline, packager};
use crate::packager::{InputFacts, TrackInput};

/// See [`super::run`].
pub(super) async fn run(
    settings: &Settings,
    parts: &Parts,
    cancel: &CancellationToken,
) -> Result<(), EncoderError> {
    let rendering = settings.clone();
    let media =
        tokio::task::spawn_blocking(move || offline::slate(&rendering)).await.map_err(failed)??;
    let (packager, facts, reporter) = packager(settings, parts, media)?;
    if !packager.announce(cancel).await? {
        return Ok(());
    }
    let (inputs, mut running) = packager.start(cancel);
    let stop = cancel.child_token();
    let ended = spawn(settings, parts, (inputs, facts), &stop)?;
    // The tracks' tasks end after the media thread, or before it with an error of their own.
    let packaged = running.wait().await;
    stop.cancel();
    let encoded = ended.await.unwrap_or_else(|_| Err(failed("the media thread died")));
    finish(&packager, reporter).await;
    packaged.map_err(EncoderError::from).and(encoded)
}

/// Starts the media thread; the receiver resolves when it has ended and its pipeline is gone.
fn spawn(
    settings: &Settings,
    parts: &Parts,
    (inputs, facts): (Vec<TrackInput>, Arc<InputFacts>),
    stop: &CancellationToken,
) -> Result<oneshot::Receiver<Result<(), EncoderError>>, EncoderError> {
    let (settings, parts, stop) = (settings.clone(), parts.clone(), stop.clone());
    let runtime = Handle::current();
    let (sender, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("media".into());
    let body = move || {
        let outlet: Outlet = Arc::new(move |track, piece| {
            if let Some(input) = inputs.get(track) {
                input.offer(piece);
            }
        });
        let result = live::run(&settings, &parts, &facts, &outlet, &runtime, &stop);
        drop(outlet);
        let _ = sender.send(result);
    };
    thread.spawn(body).map_err(failed)?;
    Ok(ended)
}
