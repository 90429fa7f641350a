//! The open sessions of a processor, page by page, for the dashboard's table `live_sessions`.

use futures::stream::{self, StreamExt, TryStreamExt};
use tallylight_dashboard::OpenSessions;
use tallylight_stream_processor::{OpenPage, OpenPlace, OpenQuery, ProcessorHandle};

/// The pages that `ask` returns, each from where the one before ended. A page is requested only
/// when it is read, so that a query that reads slowly holds up nothing else.
pub(crate) fn pages<F>(ask: impl Fn(OpenPlace) -> F + Send + 'static) -> OpenSessions
where
    F: Future<Output = Result<OpenPage, String>> + Send + 'static,
{
    let first = (ask, Some(OpenPlace::default()));
    let pages = stream::try_unfold(first, async |(ask, from)| {
        let Some(from) = from else { return Ok(None) };
        let OpenPage { batches, next } = ask(from).await?;
        Ok::<_, String>(Some((stream::iter(batches).map(Ok), (ask, next))))
    });
    pages.try_flatten().boxed()
}

/// A page from a processor of this process.
pub(crate) async fn local_page(
    handle: ProcessorHandle,
    query: OpenQuery,
) -> Result<OpenPage, String> {
    match handle.open_sessions(query).await {
        Some(page) => page.map_err(|error| error.to_string()),
        None => Err("the processor has ended".to_owned()),
    }
}
