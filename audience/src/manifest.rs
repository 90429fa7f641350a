//! The part of HLS that a viewer needs: the pathways with their rungs and audio, the steering
//! server, and the live edge.

mod master;
mod media;

use url::Url;

pub use master::{Master, Pathway, Rung, Steering};
pub use media::Media;

/// A playlist that cannot be played.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("playlist {url}: {what}")]
pub struct ManifestError {
    url: String,
    what: &'static str,
}

impl ManifestError {
    fn of(base: &Url) -> impl Fn(&'static str) -> Self {
        let url = base.to_string();
        move |what| Self { url: url.clone(), what }
    }
}

/// The value of attribute `name` of an attribute list, quotes removed.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(',').unwrap_or((value, "")),
        };
        if key.trim_start_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::attribute;

    #[test]
    fn attributes_are_whole_names_outside_quotes() {
        let list = r#"TYPE=AUDIO,GROUP-ID="a,URI=no",STABLE-URI="x",URI="b=c.m3u8",LAST=1"#;
        assert_eq!(attribute(list, "URI"), Some("b=c.m3u8"));
        assert_eq!(attribute(list, "ID"), None);
        assert_eq!(attribute(list, "TYPE"), Some("AUDIO"));
        assert_eq!(attribute(list, "LAST"), Some("1"));
    }
}
