//! What is wrong with a record, in words that say what to do. Accepted records can be wrong
//! too: the door salvages what it can (docs/cmcd.md), and a player team wants to know.

use serde_json::{Map, Value as Json};
use tallylight_schemas::cmcd::{Key, Kind, Mode, Record, Value, is_event, is_state};
use tallylight_schemas::fates::Reason;
use tallylight_serve::problem::Problem;

use super::shown::shown;

/// Remarks on one record.
const MOST: usize = 6;
/// What a custom key wants.
const CUSTOM: &str =
    "a string, token or number of at most 64 characters, in at most 32 such keys, is";
/// A player's clock may be off by so much before it is worth a word, ms.
const SKEW_MS: i64 = 5_000;

/// Why a whole request was refused. A key that is not known is not repeated here: it may be
/// somebody else's, mistyped.
pub(super) fn refusal(problem: &Problem) -> String {
    match problem.status().as_u16() {
        401 => {
            "A request came with no write key, or with one that nobody has: send it as `?k=KEY` \
                in the URL or as `Authorization: Bearer KEY`."
                .to_owned()
        }
        _ => format!("{}: {}", problem.title(), problem.detail()),
    }
}

/// Everything that is wrong with a record, the worst first.
pub(super) fn wrong(
    text: &[u8],
    read: Result<&Record<'_>, Reason>,
    mode: Mode,
    now_ms: i64,
) -> Vec<String> {
    let mut wrong = Vec::new();
    match read {
        Err(reason) => wrong.push(format!("It {}. {}", reason.happened(), reason.advice())),
        Ok(record) => {
            let json = serde_json::from_slice::<Map<String, Json>>(text).ok();
            match &json {
                Some(members) => lost_json(members, record, &mut wrong),
                None => lost(&String::from_utf8_lossy(text), record, &mut wrong),
            }
            if mode == Mode::Request {
                wrong.push(
                    "A request-mode record: it tells what is fetched, not what the viewer sees. \
                     Event mode (`e`, `ts`, `sta`) gives start-up and rebuffering."
                        .to_owned(),
                );
            } else {
                event(record, json.is_some(), now_ms, &mut wrong);
            }
        }
    }
    wrong.truncate(MOST);
    wrong
}

/// Keys that were sent and are not in the record.
fn lost(text: &str, record: &Record<'_>, wrong: &mut Vec<String>) {
    let mut unknown = Vec::new();
    for member in members(text) {
        let name = member.split(['=', ';']).next().unwrap_or_default().trim();
        match Key::from_name(name) {
            Some(key) if *record.get(key) == Value::Absent => {
                wrong.push(lost_value(member, wants(key.kind())));
            }
            None if name.contains('-') && !has_custom(record, name) => {
                wrong.push(lost_value(member, CUSTOM));
            }
            None if !name.is_empty() && !name.contains('-') => unknown.push(name),
            _ => {}
        }
    }
    no_keys(unknown, wrong);
}

/// The same of a JSON event, whose members are named like CMCD's keys.
fn lost_json(members: &Map<String, Json>, record: &Record<'_>, wrong: &mut Vec<String>) {
    let mut unknown = Vec::new();
    for (name, value) in members.iter().filter(|(name, value)| *name != "type" && !value.is_null())
    {
        match Key::from_name(name) {
            Some(key) if *record.get(key) == Value::Absent => {
                wrong.push(lost_value(&format!("\"{name}\":{value}"), wants_json(key.kind())));
            }
            None if !name.contains('-') => unknown.push(name.as_str()),
            None if !has_custom(record, name) => {
                wrong.push(lost_value(&format!("\"{name}\":{value}"), CUSTOM));
            }
            _ => {}
        }
    }
    no_keys(unknown, wrong);
}

fn has_custom(record: &Record<'_>, name: &str) -> bool {
    record.custom().iter().any(|(kept, _)| kept == name)
}

fn lost_value(member: &str, wants: &str) -> String {
    let member: String = shown(member.as_bytes()).chars().take(48).collect();
    format!("The value of `{member}` was lost: {wants} wanted.")
}

fn no_keys(mut names: Vec<&str>, wrong: &mut Vec<String>) {
    if names.is_empty() {
        return;
    }
    names.truncate(5);
    let names = names.join("`, `");
    wrong.push(format!(
        "`{names}` is no key of CMCD v2 and was ignored; a key of your own needs a hyphen, such \
         as `com.example-plan`."
    ));
}

fn wants(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "a whole number in its range is",
        Kind::Dec => "a decimal is",
        Kind::Bool => "the bare key, `?1` or `?0` is",
        Kind::Token => "a token without quotes is",
        Kind::Str => "a string in quotes, within its length, is",
        Kind::Ints => "numbers in parentheses are",
        Kind::Strs => "strings in parentheses are",
    }
}

fn wants_json(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "`true` or `false` is",
        Kind::Token => "a string with one of the key's tokens is",
        Kind::Ints => "a number, or an array of numbers, is",
        Kind::Strs => "a string, or an array of strings, is",
        Kind::Int | Kind::Dec | Kind::Str => wants(kind),
    }
}

/// The members of a record's text: commas outside quotes and parentheses part them.
fn members(text: &str) -> impl Iterator<Item = &str> {
    let (mut in_string, mut escaped, mut depth) = (false, false, 0_u32);
    text.split(move |c| {
        let is_quote = c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        match c {
            '"' if is_quote => in_string = !in_string,
            '(' if !in_string => depth += 1,
            ')' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && !in_string && depth == 0
    })
    .map(str::trim)
}

/// An event report that was taken and could be better.
fn event(record: &Record<'_>, is_json: bool, now_ms: i64, wrong: &mut Vec<String>) {
    let mut say = |text: String| wrong.push(text);
    let token = record.text(Key::E).unwrap_or_default();
    if !is_event(token) {
        say(format!("`e={token}` is no event of CMCD v2; it counts as a sign of life only."));
    }
    let state = record.text(Key::Sta);
    if token == "ps" && state.is_none() {
        say("`e=ps` without `sta` tells of no state: add `sta` to the keys that are sent.".into());
    }
    if let Some(state) = state.filter(|state| !is_state(state)) {
        say(format!("`sta={state}` is no state of CMCD v2 and changes nothing."));
    }
    if token == "e" && matches!(record.get(Key::Ec), Value::Absent) {
        say("`e=e` without `ec`: the error has no code to group it by.".into());
    }
    // A JSON event is by its address what `v=2` says of a record of text.
    if record.version() < 2 && !is_json {
        say("No `v=2`: event mode came with version 2.".into());
    }
    if record.int(Key::Sn).is_none() {
        say("No `sn`: a beacon that is lost on its way cannot be missed.".into());
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
