//! What is wrong with a record, in words that say what to do. Accepted records can be wrong too:
//! the collector salvages what it can (docs/cmcd.md), and those who set up a player want to know.

use tallylight_schemas::cmcd::{Harm, Key, Kind, Mode, Record, Rule};
use tallylight_schemas::fates::Reason;
use tallylight_serve::problem::Problem;

/// Most remarks on one record.
const MOST: usize = 6;
/// A player's clock may be off by so much before it is worth a word, ms.
const SKEW_MS: i64 = 5_000;

/// Why a whole request was refused. An unknown key is not repeated here: it may be another
/// tenant's, mistyped.
pub(super) fn refusal(problem: &Problem) -> String {
    match problem.status().as_u16() {
        401 => "A request came with no write key, or with an unknown one: send it as `?k=KEY` \
                in the URL or as `Authorization: Bearer KEY`."
            .to_owned(),
        _ => format!("{}: {}", problem.title(), problem.detail()),
    }
}

/// Everything that is wrong with a record, the worst first.
pub(super) fn wrong(
    read: Result<&Record<'_>, Reason>,
    (mode, source): (Mode, &str),
    now_ms: i64,
) -> Vec<String> {
    let mut record = match read {
        Ok(record) => record.clone(),
        Err(reason) => return vec![format!("It {}. {}", reason.happened(), reason.advice())],
    };
    if source == "events" {
        record.judge_event();
    }
    let mut wrong = breaches(&record);
    match mode {
        Mode::Request => wrong.push(
            "A request-mode record: it says what is fetched, not what the viewer sees. \
             Event mode (`e`, `ts`, `sta`) gives start-up and rebuffering."
                .to_owned(),
        ),
        Mode::Event => unknown(&record, now_ms, &mut wrong),
    }
    wrong.truncate(MOST);
    wrong
}

/// The rules that it breaks, each with what was sent and what to do. Those that cost nothing here
/// are on the *Players* page only.
fn breaches(record: &Record<'_>) -> Vec<String> {
    let key_lost = |rule: &Rule| matches!(rule, Rule::UnknownKey | Rule::DraftKey);
    let costs = |rule: &Rule| rule.harm() != Harm::Low || key_lost(rule);
    let mut wrong = Vec::new();
    for rule in record.broken().iter().filter(costs) {
        let example = record.examples().iter().find(|(of, _)| *of == rule);
        let shown = example.map_or("", |(_, shown)| shown.as_ref());
        let what = if shown.is_empty() { String::new() } else { format!(": `{shown}`") };
        let fix = match rule {
            Rule::ValueLost => format!("Send {} (docs/cmcd.md).", wanted(shown)),
            _ => rule.fix().to_owned(),
        };
        wrong.push(format!("{}{what}. {fix}", rule.title()));
    }
    // Of each rule the first breach alone is noted; `nrr` breaks one and is kept.
    let rules = [Rule::ValueLost, Rule::Unreadable, Rule::UnknownKey, Rule::DraftKey];
    let kept = |rule: Rule, shown: &str| rule == Rule::DraftKey && shown == Key::Nrr.name();
    let lost = record.examples().iter().filter(|(rule, _)| rules.contains(rule));
    let shown = lost.filter(|(rule, shown)| !kept(*rule, shown)).count();
    let (values, keys) = (record.dropped_values(), record.dropped_keys());
    if values as usize + keys as usize > shown {
        wrong.push(format!("Values lost in all: {values}, keys: {keys} (docs/cmcd.md)."));
    }
    wrong
}

/// What the key of an example takes as its value.
fn wanted(example: &str) -> &'static str {
    let name = example.split(['=', '…']).next().unwrap_or_default();
    match Key::from_name(name).map(Key::kind) {
        Some(Kind::Int) => "a whole number within its limits",
        Some(Kind::Dec) => "a number",
        Some(Kind::Bool) => "a boolean",
        Some(Kind::Token) => "one of its tokens",
        Some(Kind::Str) => "a string within its length",
        Some(Kind::Ints) => "a list of whole numbers within their limits",
        Some(Kind::Strs) => "a list of strings",
        None => "a string, token or number of at most 64 characters",
    }
}

/// What an event report leaves unknown without breaking a rule.
fn unknown(record: &Record<'_>, now_ms: i64, wrong: &mut Vec<String>) {
    let mut say = |text: String| wrong.push(text);
    if record.int(Key::Sn).is_none() {
        say("No `sn`: the loss of a beacon goes unnoticed.".into());
    }
    if record.text(Key::Cid).is_none() {
        say("No `cid`: this viewer counts under content \"unknown\".".into());
    }
    let skew = record.int(Key::Ts).map_or(0, |ts| ts - now_ms);
    if skew.abs() > SKEW_MS {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        say(format!(
            "The player's clock is {} s {side} ours (or the report waited that long); it is \
             corrected per session.",
            skew.abs() / 1_000
        ));
    }
}

#[cfg(test)]
mod tests;
