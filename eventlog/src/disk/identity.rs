//! The name of a log: made once, with the log, and never again. What is derived from a log
//! (history, snapshots) says by it whose it is, so that it is not continued with another.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::files::{sync_dir, unavailable};
use crate::LogError;
use crate::common::fresh;

const FILE: &str = "ID";

/// The name of the log in `dir`; it gets one if it has none. Only its owner may ask.
pub(super) fn of(dir: &Path) -> Result<String, LogError> {
    let path = dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let id = text.trim();
            let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if valid {
                return Ok(id.to_owned());
            }
            Err(LogError::Data(format!("{} holds no id of a log", path.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = fresh();
            store(dir, &id).map_err(|error| unavailable("cannot name the log in", dir, &error))?;
            Ok(id)
        }
        Err(error) => Err(unavailable("cannot read", &path, &error)),
    }
}

fn store(dir: &Path, id: &str) -> io::Result<()> {
    let aside = dir.join("ID.new");
    let mut file = File::create(&aside)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    fs::rename(&aside, dir.join(FILE))?;
    sync_dir(dir)
}
