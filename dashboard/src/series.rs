//! `GET /v1/series`: a metric over time by any dimensions (docs/feed.md). Each requested breakdown
//! is an on-demand cuboid: read from `session_spans` on the first request, and dropped a minute
//! after the last (ADR 29). Without requests no work is done.

mod answer;
mod cuboid;
mod question;
mod read;
mod registry;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};

use self::answer::Answer;
use self::cuboid::Reach;
use self::question::{Question, SeriesQuery};
use self::registry::Failed;
pub(crate) use self::registry::Registry;
use crate::feed::status;
use crate::{App, problem};

pub(crate) async fn series(
    State(app): State<Arc<App>>,
    query: Result<Query<SeriesQuery>, QueryRejection>,
) -> Response {
    let answer = match query {
        Ok(Query(query)) => look_up(&app, query).await,
        Err(error) => Err(Failed::Invalid(format!("the query cannot be read: {error}"))),
    };
    match answer {
        Ok(answer) => ([("cache-control", "no-store")], Json(answer)).into_response(),
        Err(failed) => refused(failed),
    }
}

fn refused(failed: Failed) -> Response {
    match failed {
        Failed::Invalid(detail) => problem::invalid(detail).into_response(),
        Failed::Sql(error) => error.problem().into_response(),
        Failed::Full(detail) => {
            problem::unavailable("full", "Too many series are open", detail).into_response()
        }
        Failed::Unavailable(detail) => {
            problem::unavailable("unavailable", "Series are not available now", detail)
                .into_response()
        }
    }
}

async fn look_up(app: &Arc<App>, query: SeriesQuery) -> Result<Answer, Failed> {
    let question = Question::read(query).map_err(Failed::Invalid)?;
    let shared = app.series.get(app, &question.key).await?;
    let mut cuboid = shared.lock().await;
    if !cuboid.is_fresh() {
        let read = read::bring_up_to(app, &question.key, &mut cuboid).await;
        if read.is_err() && cuboid.is_empty() {
            // It holds no data, so it does not count against the limit.
            app.series.forget(&question.key, &shared);
        }
        read?;
    }
    // What was missing at the last reading stays missing until the next.
    let mut partial = cuboid.partial.clone();
    partial.extend(reach(app)?.partial.into_iter().filter(|now| !cuboid.partial.contains(now)));
    Ok(Answer::new(&question, &cuboid, partial))
}

/// How far the partitions are, and what is missing in a sum over them.
fn reach(app: &App) -> Result<Reach, Failed> {
    let now_ms = app.hub.now_ms();
    let (log_time, settled, silent, all) = app.hub.with_store(|store| {
        let progress = store.progress();
        let reporting = status::reporting(progress, now_ms);
        let all = usize::from(progress.partitions());
        (progress.log_time(), progress.final_up_to(), all.saturating_sub(reporting), all)
    });
    let Some(log_time) = log_time else {
        return Err(Failed::Unavailable(
            "no partition has reported yet, so no time is covered; try again in a second".into(),
        ));
    };
    let mut partial = Vec::new();
    if silent > 0 {
        partial.push(format!(
            "{silent} of {all} partitions have not reported for 5 s; what their viewers have done \
             since is missing or out of date"
        ));
    }
    Ok(Reach { log_time, settled, partial })
}
