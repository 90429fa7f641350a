//! `GET /v1/series`: a metric over time by any dimensions (docs/feed.md). Each breakdown that is
//! asked for is an on-demand cuboid: read from `session_spans` when it is first asked for, kept
//! while somebody asks, and dropped a minute later (ADR 29). Nothing is done while nobody asks.

mod answer;
mod asked;
mod cuboid;
mod read;
mod registry;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};

use self::answer::Answer;
use self::asked::{Asked, Question};
use self::cuboid::Reach;
use self::registry::Failed;
pub(crate) use self::registry::Registry;
use crate::feed::status;
use crate::{App, problem};

pub(crate) async fn series(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let answer = match asked {
        Ok(Query(asked)) => look_up(&app, asked).await,
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
            problem::unavailable("full", "All places for series are taken", detail).into_response()
        }
        Failed::Unavailable(detail) => {
            problem::unavailable("unavailable", "There is no series now", detail).into_response()
        }
    }
}

async fn look_up(app: &Arc<App>, asked: Asked) -> Result<Answer, Failed> {
    let question = Question::read(asked).map_err(Failed::Invalid)?;
    let shared = app.series.get(app, &question.key).await?;
    let mut cuboid = shared.lock().await;
    if !cuboid.is_fresh() {
        let read = read::bring_up_to(app, &question.key, &mut cuboid).await;
        if read.is_err() && cuboid.is_empty() {
            // Nothing is kept of it, so it takes no place.
            app.series.forget(&question.key, &shared);
        }
        read?;
    }
    // What was missing when it was read is so until it is read again.
    let mut partial = cuboid.partial.clone();
    partial.extend(reach(app)?.partial.into_iter().filter(|now| !cuboid.partial.contains(now)));
    Ok(Answer::new(&question, &cuboid, partial))
}

/// How far the partitions are, and what is missing of a sum over them.
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
            "no partition has reported yet, so nothing can be said of any time; try again in a \
             second"
                .into(),
        ));
    };
    let mut partial = Vec::new();
    if silent > 0 {
        partial.push(format!(
            "{silent} of {all} partitions have not reported for 5 s; what their viewers did since \
             is missing or out of date"
        ));
    }
    Ok(Reach { log_time, settled, partial })
}
