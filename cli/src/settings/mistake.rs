//! Mistakes in the settings, in the user's terms.

use figment::error::{Error, Kind};
use tallylight_dashboard::sql::nearest;

/// Which setting is wrong, why, and where it was written.
pub(super) fn described(error: &Error) -> String {
    // Profiles are internal to the loader; users do not write them.
    let path: Vec<&str> =
        error.path.iter().map(String::as_str).filter(|part| *part != "default").collect();
    let key = path.join(".");
    let what = match &error.kind {
        Kind::UnknownField(found, known) => {
            let near = nearest(found, known.iter().copied());
            let known = match near.is_empty() {
                true => format!("there are {}", known.join(", ")),
                false => format!("did you mean {}?", near.join(" or ")),
            };
            format!("there is no such setting; {known}")
        }
        Kind::UnknownVariant(found, known) => {
            format!("{found} is none of {}", known.join(", "))
        }
        Kind::InvalidType(found, wanted) => format!("this is {found}, where {wanted} is wanted"),
        kind => kind.to_string(),
    };
    let place = error.metadata.as_ref().map(|from| match &from.source {
        Some(source) => format!(" (in {source})"),
        None => format!(" (in the {})", from.name),
    });
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    format!("{key}{what}{}", place.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format, Serialized, Toml};

    use super::described;
    use crate::settings::Settings;

    fn mistake(toml: &str) -> String {
        let figment = Figment::from(Serialized::defaults(Settings::on_ports(7_700)));
        let read = figment.merge(Toml::string(toml)).extract::<Settings>();
        read.err().map(|error| described(&error)).unwrap_or_default()
    }

    #[test]
    fn mistakes_name_the_setting_and_what_is_near_to_it() {
        for (toml, words) in [
            ("[colector]\nx = 1", "colector: there is no such setting; did you mean collector?"),
            ("[steering]\nmode = \"acct\"", "steering.mode: acct is none of observe, advise, act"),
            ("[steering]\nhold_ms = \"soon\"", "steering.hold_ms: this is string \"soon\", where"),
            (
                "[collector]\nlisten = \"127.0.0.1:77o1\"",
                "collector.listen: invalid socket address",
            ),
        ] {
            let described = mistake(toml);
            assert!(described.starts_with(words), "{described}");
        }
    }
}
