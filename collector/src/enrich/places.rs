//! The country and network of an address, from MMDB files.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};
use serde::Deserialize;

use super::settings::Settings;

/// Where an address is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    country: Option<[u8; 2]>,
    pub(super) asn: Option<u32>,
}

impl Place {
    /// Two letters; empty when it is unknown.
    pub(super) fn country(&self) -> &str {
        self.country.as_ref().and_then(|code| std::str::from_utf8(code).ok()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(super) struct Places {
    country: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
}

impl Places {
    /// Opens the files that are named.
    pub(super) fn open(settings: &Settings) -> Self {
        Self {
            country: open("country_file", settings.country_file.as_deref()),
            asn: open("asn_file", settings.asn_file.as_deref()),
        }
    }

    /// Whether any file is open.
    pub(super) fn is_any(&self) -> bool {
        self.country.is_some() || self.asn.is_some()
    }

    /// The place of `address`, which is truncated first: no result depends on its last bits.
    pub(super) fn of(&self, address: IpAddr) -> Place {
        let address = cut(address);
        Place { country: self.country_of(address), asn: self.asn_of(address) }
    }

    fn country_of(&self, address: IpAddr) -> Option<[u8; 2]> {
        const PATHS: [&[PathElement<'static>]; 2] = [
            &[PathElement::Key("country_code")],
            &[PathElement::Key("country"), PathElement::Key("iso_code")],
        ];
        let reader = self.country.as_ref()?;
        let code: &str = PATHS.iter().find_map(|path| find(reader, address, path))?;
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(code)
    }

    fn asn_of(&self, address: IpAddr) -> Option<u32> {
        let path = [PathElement::Key("autonomous_system_number")];
        find(self.asn.as_ref()?, address, &path)
    }
}

/// The value at a path in the record of `address`. Vendors use different paths. `None` when the
/// record has nothing there, or a value of another type.
fn find<'a, T: Deserialize<'a>>(
    reader: &'a Reader<Vec<u8>>,
    address: IpAddr,
    path: &[PathElement<'_>],
) -> Option<T> {
    reader.lookup(address).ok()?.decode_path(path).ok()?
}

/// The part of an address that may be used: /24 of IPv4, /48 of IPv6.
fn cut(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & (u32::MAX << 8)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 80)).into()),
    }
}

fn open(setting: &str, path: Option<&Path>) -> Option<Reader<Vec<u8>>> {
    let path = path?;
    match Reader::open_readfile(path) {
        Ok(reader) => {
            let kind = &reader.metadata().database_type;
            tracing::info!(path = %path.display(), kind, "enrich.{setting}: addresses are looked up");
            Some(reader)
        }
        Err(error) => {
            tracing::warn!(
                path = %path.display(), %error,
                "enrich.{setting} cannot be used, so what it would tell stays unknown; give an \
                 MMDB file or leave the setting out"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut() {
        for (whole, kept) in
            [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::")]
        {
            assert_eq!(cut(whole.parse().unwrap()).to_string(), kept);
        }
    }

    #[test]
    fn a_missing_or_invalid_file_is_not_fatal() {
        let dir = tempfile::tempdir().unwrap();
        let wrong = dir.path().join("wrong.mmdb");
        std::fs::write(&wrong, "no such format").unwrap();
        let settings = Settings {
            country_file: Some(dir.path().join("missing.mmdb")),
            asn_file: Some(wrong),
            ..Settings::default()
        };
        let places = Places::open(&settings);
        assert!(!places.is_any());
        let place = places.of("203.0.113.1".parse().unwrap());
        assert_eq!((place.country(), place.asn), ("", None));
    }
}
