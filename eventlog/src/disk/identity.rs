//! The id of a log, created once with the log. Data derived from a log (history, snapshots) carries
//! the id, so that it is never continued from another log.

use std::path::Path;

use super::files::{Files, create, read_text, unavailable};
use crate::LogError;
use crate::common::fresh;

const FILE: &str = "ID";

/// The id of the log in `dir`, created if missing. Only the folder's owner may call this.
pub(super) fn of(files: &dyn Files, dir: &Path) -> Result<String, LogError> {
    let path = dir.join(FILE);
    match read_text(files, &path) {
        Ok(Some(text)) => {
            let id = text.trim();
            let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if valid {
                return Ok(id.to_owned());
            }
            Err(LogError::Data(format!("{} does not contain the id of a log", path.display())))
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
