//! The name of a log: made once, with the log, and never again. What is derived from a log
//! (history, snapshots) says by it whose it is, so that it is not continued with another.

use std::path::Path;

use super::files::{Files, create, read_text, unavailable};
use crate::LogError;
use crate::common::fresh;

const FILE: &str = "ID";

/// The name of the log in `dir`; it gets one if it has none. Only its owner may ask.
pub(super) fn of(files: &dyn Files, dir: &Path) -> Result<String, LogError> {
    let path = dir.join(FILE);
    match read_text(files, &path) {
        Ok(Some(text)) => {
            let id = text.trim();
            let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if valid {
                return Ok(id.to_owned());
            }
            Err(LogError::Data(format!("{} holds no id of a log", path.display())))
        }
        Ok(None) => {
            let id = fresh();
            create(files, &path, format!("{id}\n").as_bytes())
                .map_err(|error| unavailable("cannot name the log in", dir, &error))?;
            Ok(id)
        }
        Err(error) => Err(unavailable("cannot read", &path, &error)),
    }
}
