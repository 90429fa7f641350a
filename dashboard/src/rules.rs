//! `GET /v1/cmcd/rules`: the rules of CMCD that the column `broken` of `player_events` names, with
//! what breaking them costs and how to fix it. `GET /v1/reasons`: why the collector rejects or
//! sheds a record.

use axum::Json;
use serde::Serialize;
use tallylight_schemas::cmcd::Rule;
use tallylight_schemas::fates::{Fate, Reason};

#[derive(Serialize)]
pub(crate) struct RuleInfo {
    slug: &'static str,
    section: &'static str,
    harm: &'static str,
    title: &'static str,
    costs: &'static str,
    fix: &'static str,
}

/// Every rule, the most harmful first.
pub(crate) async fn list() -> Json<Vec<RuleInfo>> {
    let about = |rule: &Rule| RuleInfo {
        slug: rule.slug(),
        section: rule.section(),
        harm: rule.harm().as_str(),
        title: rule.title(),
        costs: rule.costs(),
        fix: rule.fix(),
    };
    Json(Rule::ALL.iter().map(about).collect())
}

#[derive(Serialize)]
pub(crate) struct ReasonInfo {
    reason: Reason,
    fate: Fate,
    happened: &'static str,
    advice: &'static str,
}

/// Every reason.
pub(crate) async fn reasons() -> Json<Vec<ReasonInfo>> {
    let explained = |reason: &Reason| ReasonInfo {
        reason: *reason,
        fate: reason.fate(),
        happened: reason.happened(),
        advice: reason.advice(),
    };
    Json(Reason::ALL.iter().map(explained).collect())
}
