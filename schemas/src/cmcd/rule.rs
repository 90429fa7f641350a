//! The rules of CMCD that players break. A broken rule costs the record as little as possible:
//! most irregularities are read as meant. Each is noted on the record all the same, so that the
//! player's makers learn of it, and it is known which figures it spoils.
//!
//! Sections are those of CTA-5004-A and -B, which number alike. Slugs are stored and never reused.

/// How much a breach spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// A figure is wrong or missing.
    High,
    /// Some of what the player knows is lost.
    Middle,
    /// Nothing here, as it is read as meant; another collector may refuse it.
    Low,
}

impl Harm {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Harm::High => "high",
            Harm::Middle => "middle",
            Harm::Low => "low",
        }
    }
}

macro_rules! rules {
    ($($variant:ident $slug:literal $section:literal $harm:ident $title:literal
       costs $costs:literal fix $fix:literal;)*) => {
        /// A rule of CMCD.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Rule { $(#[doc = $title] $variant,)* }

        impl Rule {
            /// Every rule, the most harmful first.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant),*];

            /// The word by which tables name it.
            pub fn slug(self) -> &'static str {
                match self { $(Rule::$variant => $slug,)* }
            }

            /// The section of the standard that has it.
            pub fn section(self) -> &'static str {
                match self { $(Rule::$variant => $section,)* }
            }

            /// How much breaking it spoils.
            pub fn harm(self) -> Harm {
                match self { $(Rule::$variant => Harm::$harm,)* }
            }

            /// What was done, one line.
            pub fn title(self) -> &'static str {
                match self { $(Rule::$variant => $title,)* }
            }

            /// What it costs: the figure that becomes wrong, or why none does.
            pub fn costs(self) -> &'static str {
                match self { $(Rule::$variant => $costs,)* }
            }

            /// What the player's makers, or those who configure it, should do.
            pub fn fix(self) -> &'static str {
                match self { $(Rule::$variant => $fix,)* }
            }
        }
    };
}

rules! {
    StateMissing "state_missing" "2.2" High "A change of state (`e=ps`) without the state `sta`"
        costs "Start-up time, rebuffering, watch time and viewers: the session's state stays what it was."
        fix "Add `sta` to the keys that the event target may send.";
    UnknownState "unknown_state" "4.3" High "A state that the standard does not have"
        costs "Start-up time, rebuffering and watch time: the state is ignored."
        fix "Send one of s p k r a e f q d.";
    VersionMissing "version_missing" "2.2" Middle "An event report without `v=2`"
        costs "The record reads as version 1, which has no events; other collectors refuse it."
        fix "Add `v` to the keys that are sent.";
    UnknownEvent "unknown_event" "4.3" Middle "An event that the standard does not have"
        costs "The record counts as a sign of life only; what happened is lost."
        fix "Use `e=ce` with a name in `cen` for events of your own.";
    ErrorCodeMissing "error_code_missing" "2.2" Middle "An error (`e=e`) without its code `ec`"
        costs "Errors by code: the error counts, but which it was is unknown."
        fix "Add `ec` to the keys that are sent, and set it before the error is reported.";
    CompanionMissing "companion_missing" "2.2" Middle "An event without the key that says what changed"
        costs "What the event was about: the name, URL, bitrate, rate or content is unknown."
        fix "Send `cen` with ce, `url` with rr, `br` with bc, `pr` with pr, `cid` with c, `h` with h.";
    ValueLost "value_lost" "4.3" Middle "A value of the wrong type, or out of its range"
        costs "The value: figures made of this key lack this record."
        fix "Send the key with the type and range that the standard gives it (docs/cmcd.md).";
    Unreadable "unreadable" "4.1" Middle "A member that is not a structured field"
        costs "That key. A strict reader refuses the whole record."
        fix "Serialize with a structured-field library (RFC 8941), and escape quotes and backslashes.";
    CmsdUnreadable "cmsd_unreadable" "4.3" Middle "`cmsds` or `cmsdd` that is not Base64 of a CMSD header"
        costs "Which CDN hop was slow, for this response."
        fix "Send the response header as it came, in Base64.";
    NewKeyInVersion1 "new_key_in_version_1" "4.3" Low "A key of version 2 in a record without `v=2`"
        costs "Nothing here. A CDN that reads version 1 ignores the key."
        fix "Send `v=2`, or configure version 1 throughout.";
    EventNotPosted "event_not_posted" "2.2" Low "An event report in a query or in headers"
        costs "Nothing here. One request per event, and URLs full of data in access logs."
        fix "Event reports are POST bodies; Shaka does so from 5.2 on (`eventTargets`).";
    DraftBody "draft_body" "3.3" Low "Records as JSON"
        costs "Nothing here. Other collectors of version 2 refuse the body."
        fix "Send one record a line as application/cmcd; drafts had JSON, the standard does not.";
    UnknownKey "unknown_key" "4.3" Low "A key that the standard does not have"
        costs "The key is ignored."
        fix "A key of your own needs a hyphen and at most 64 characters: `com.example-plan`.";
    DraftKey "draft_key" "4.3" Low "A key that only drafts or version 1 had (`df`, `cdn`, `nrr`)"
        costs "`df` and `cdn` are ignored, so dropped frames and CDN are unknown; `nrr` is kept."
        fix "Send `dfa` for dropped frames and `h` for the host; put ranges into `nor`.";
    ScalarForList "scalar_for_list" "4.1" Low "A lone value where version 2 has a list"
        costs "Nothing: it is read as a list of one."
        fix "Put the value in parentheses: `br=(3000;v)`.";
    ListForScalar "list_for_scalar" "4.1" Low "A list where the standard has one value"
        costs "All items but the first."
        fix "Send one value, without parentheses.";
    DecimalForInteger "decimal_for_integer" "4.3" Low "A decimal where the standard has a whole number"
        costs "Nothing: it is rounded."
        fix "Round before sending.";
    NumberForText "number_for_text" "4.3" Low "An error code that is not a string"
        costs "Nothing: it is kept as text."
        fix "Send error codes in quotes: `ec=(\"25\")`.";
    TextForToken "text_for_token" "4.3" Low "A token in quotes"
        costs "Nothing: it is read as the token. Another collector may lose it, and with `e` the event."
        fix "Write tokens without quotes: `e=ps`. Shaka does so from 5.2 on.";
    NotRounded "not_rounded" "4.3" Low "`mtp`, `rtp`, `dl`, or `bl` of version 1, not rounded to the nearest 100"
        costs "No figure. Exact values help to recognise a viewer, so the standard forbids them."
        fix "Round to the nearest 100 before sending.";
    UnknownToken "unknown_token" "4.3" Low "An object type, format or stream type that the standard does not have"
        costs "Breakdowns by `ot`, `sf` or `st` lack the record."
        fix "Use the tokens of the standard.";
    UndefinedState "undefined_state" "4.3" Low "The state `w`, which is listed but not defined"
        costs "Rebuffering may differ between collectors. Here it is starting before the first frame, seeking in a seek, else rebuffering."
        fix "Send `r` for rebuffering and `s` while starting.";
    ResponseKeyElsewhere "response_key_elsewhere" "4.3" Low "A key of responses in a record of something else"
        costs "Nothing: the value is kept with its record."
        fix "Send rc, ttfb, ttfbb, ttlb, url, cmsds, cmsdd and smrt with `e=rr` only.";
    EventKeyInRequest "event_key_in_request" "2.1" Low "A key of event mode in request mode"
        costs "Nothing; it makes URLs longer and caches less useful."
        fix "Leave e, ts, h, cen and the keys of responses out of media requests.";
    AggregateBesideRung "aggregate_beside_rung" "4.3" Low "An aggregate bitrate beside the bitrate it stands in for"
        costs "Nothing: `br`, `lb` and `tb` count."
        fix "Send `ab`, `lab`, `tab` only where `br`, `lb`, `tb` are unknown.";
    CapitalKey "capital_key" "4.1" Low "A key with capital letters"
        costs "Nothing here. A strict reader refuses the whole record."
        fix "Write keys in small letters.";
    NotAscii "not_ascii" "4.1" Low "A string with characters beyond ASCII"
        costs "Nothing here. A strict reader refuses the whole record."
        fix "Percent-encode such names, or use an id.";
    OldContentType "old_content_type" "3.3" Low "A body of another type than application/cmcd"
        costs "Nothing here."
        fix "Send Content-Type: application/cmcd (text/cmcd is of CTA-5004-A).";
    LineEnds "line_ends" "3.3" Low "Lines that do not end as the standard says: CR LF, or LF after a lone record"
        costs "Nothing here."
        fix "Separate records by one LF, with none after a lone record (@svta/cml-cmcd does so from 2.7 on).";
}

impl Rule {
    /// The rule that a key which is neither the standard's nor a custom one breaks.
    pub(super) fn of_unknown(name: &str) -> Self {
        if matches!(name, "cdn" | "df") { Rule::DraftKey } else { Rule::UnknownKey }
    }
}

/// Rules, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Broken(u64);

impl Broken {
    /// None of them.
    pub const NONE: Broken = Broken(0);

    /// One of them.
    pub const fn one(rule: Rule) -> Self {
        Self(1 << rule as u8)
    }

    /// The rules of both.
    #[must_use]
    pub const fn and(self, other: Broken) -> Self {
        Self(self.0 | other.0)
    }

    /// These rules without the others.
    #[must_use]
    pub const fn without(self, other: Broken) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `rule` is one of them.
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & Self::one(rule).0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rules, the most harmful first.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |rule| self.has(*rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_whose_breach_costs_nothing_is_low() {
        for rule in Rule::ALL.iter().filter(|rule| rule.costs().starts_with("Nothing")) {
            assert_eq!(rule.harm(), Harm::Low, "{rule:?}");
        }
    }
}
