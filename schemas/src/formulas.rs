//! Published quality-of-experience formulas over table `sessions`: CTA-2066, and those of Mux,
//! Conviva and Media3, as far as players' reports allow. They differ in what they count and in what
//! they divide by, so each figure names its denominator, and each set is its own SQL view.
//!
//! A row of a view covers the ended playbacks of one content that began in one hour: first the
//! sums, then the ratios of these sums. So rows can be merged by adding their sums.

mod conviva;
mod cta2066;
mod media3;
mod mux;

use std::fmt::Write;

use crate::tables::Kind;

/// Selects the playbacks that count: ended attempts in rows that have `starting_ms`. Sessions
/// derived from requests have no exact times, so they are excluded.
pub const COUNTED: &str = "outcome <> 'playing' AND started_at IS NOT NULL \
                           AND starting_ms IS NOT NULL AND derived IS NOT TRUE";

/// How a figure is computed from sessions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// A sum: an additive aggregate over rows of `sessions`.
    Sum(&'static str),
    /// Two sums of the same set, times `scale`.
    Ratio {
        /// The numerator.
        num: &'static str,
        /// The denominator.
        den: &'static str,
        /// For example 100 for per cent.
        scale: f64,
    },
    /// A non-additive aggregate over rows of `sessions`, and the sum that counts its values.
    Of {
        /// The aggregate.
        sql: &'static str,
        /// The sum.
        den: &'static str,
    },
}

/// One column of a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its unit, where it has one.
    pub unit: Option<&'static str>,
    /// How it is computed.
    pub part: Part,
    /// Its description.
    pub about: &'static str,
}

/// The formulas of one publisher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Formulas {
    /// Name of the view.
    pub view: &'static str,
    /// Their publisher, and what they count.
    pub about: &'static str,
    /// The figures: first the sums, then the ratios of them.
    pub figures: &'static [Figure],
    /// Differences from the publisher's figures, and figures that cannot be computed.
    pub missing: &'static [&'static str],
}

/// Every set.
pub const ALL: [Formulas; 4] =
    [cta2066::FORMULAS, mux::FORMULAS, conviva::FORMULAS, media3::FORMULAS];

macro_rules! figures {
    (@unit) => { None };
    (@unit $unit:literal) => { Some($unit) };
    (
        sums { $($sum:literal $($su:literal)? = $sql:expr, $sa:literal;)* }
        ratios { $($ratio:literal $($ru:literal)? = $part:expr, $ra:literal;)* }
    ) => {
        &[
            $(crate::formulas::Figure {
                name: $sum,
                unit: figures!(@unit $($su)?),
                part: crate::formulas::Part::Sum($sql),
                about: $sa,
            },)*
            $(crate::formulas::Figure {
                name: $ratio,
                unit: figures!(@unit $($ru)?),
                part: $part,
                about: $ra,
            },)*
        ]
    };
}
use figures;

const fn ratio(scale: f64, num: &'static str, den: &'static str) -> Part {
    Part::Ratio { num, den, scale }
}

/// The columns that identify a row: name, type, SQL over `sessions` and meaning.
pub const KEYS: [(&str, Kind, &str, &str); 3] = [
    ("tenant", Kind::Text, "tenant", "Tenant whose viewers they are."),
    (
        "started_hour",
        Kind::Time,
        "date_trunc('hour', started_at)",
        "The hour in which the playbacks began.",
    ),
    ("cid", Kind::Text, "cid", "Content id."),
];

impl Formulas {
    fn sum(&self, name: &str) -> &'static str {
        let found = self.figures.iter().find(|figure| figure.name == name);
        match found.map(|figure| figure.part) {
            Some(Part::Sum(sql)) => sql,
            _ => "NULL",
        }
    }

    /// A figure as an expression over any rows of `sessions` that are [`COUNTED`].
    pub fn sql(&self, figure: &Figure) -> String {
        match figure.part {
            Part::Sum(sql) | Part::Of { sql, .. } => sql.to_owned(),
            Part::Ratio { num, den, scale } => {
                let (num, den) = (self.sum(num), self.sum(den));
                format!("{scale:?} * ({num}) / NULLIF({den}, 0)")
            }
        }
    }

    /// The view as a SELECT over `sessions`.
    pub fn view_sql(&self) -> String {
        let mut out = "SELECT ".to_owned();
        for (name, _, sql, _) in KEYS {
            // Writing into a string cannot fail.
            let _ = write!(out, "{sql} AS {name}, ");
        }
        let figure = |figure: &Figure| {
            format!("CAST({} AS {}) AS {}", self.sql(figure), figure.kind().sql(), figure.name)
        };
        out += &self.figures.iter().map(figure).collect::<Vec<_>>().join(", ");
        let _ = write!(out, " FROM sessions WHERE {COUNTED} GROUP BY ");
        out += &KEYS.map(|(_, _, sql, _)| sql).join(", ");
        out
    }
}

impl Figure {
    /// Its type: counts are integers.
    pub fn kind(&self) -> Kind {
        match self.part {
            Part::Sum(_) if !self.name.ends_with("_points") => Kind::Int,
            _ => Kind::Dec,
        }
    }

    /// The sum that it is a share or a mean of, if it is one.
    pub fn denominator(&self) -> Option<&'static str> {
        match self.part {
            Part::Sum(_) => None,
            Part::Ratio { den, .. } | Part::Of { den, .. } => Some(den),
        }
    }

    /// Its description, with its formula.
    pub fn described(&self) -> String {
        let about = self.about;
        match self.part {
            Part::Sum(_) => about.to_owned(),
            Part::Ratio { num, den, scale: 1.0 } => format!("{about} `{num}` / `{den}`."),
            Part::Ratio { num, den, scale } => format!("{about} {scale} × `{num}` / `{den}`."),
            Part::Of { den, .. } => format!("{about} Over `{den}`; not additive."),
        }
    }
}
