//! The file of `--config`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Error, Metadata, Profile, Provider};

/// The contents of the file: figment ignores anything that is not a regular file, such as a pipe.
pub(super) struct File<'a> {
    path: &'a Path,
    text: String,
}

impl<'a> File<'a> {
    pub(super) fn read(path: &'a Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("--config {}: it cannot be read; name a file of TOML", path.display())
        })?;
        Ok(Self { path, text })
    }
}

impl Provider for File<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Toml::string(&self.text).data()
    }
}

/// A name for the same file, for processes that read it again, each with its own standard input.
pub(super) fn to_read_again(path: &Path) -> anyhow::Result<PathBuf> {
    let own = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    ensure!(
        own.is_file(),
        "--config {}: each service that `up` starts reads it again, and a pipe is read only once; \
         write it into a file",
        path.display()
    );
    Ok(own)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use clap::Parser;

    use super::to_read_again;
    use crate::settings::{Global, Settings};

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        global: Global,
    }

    fn load(config: &str) -> Result<Settings, String> {
        let flags = Flags::parse_from(["tallylight", "--config", config]);
        Settings::load(&flags.global).map_err(|error| format!("{error:#}"))
    }

    /// A pipe that contains this text, as a shell makes one for `<(…)`, and its name.
    fn pipe(text: &str) -> (std::io::PipeReader, String) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        let name = format!("/dev/fd/{}", reader.as_raw_fd());
        (reader, name)
    }

    #[test]
    fn a_pipe_is_read_and_unreadable_files_are_reported() {
        let (_open, name) = pipe("pipelines = [\"A\"]");
        assert_eq!(load(&name).unwrap().pipelines, ["A"]);
        let (_open, name) = pipe("pipelins = []");
        let error = load(&name).unwrap_err();
        assert!(error.contains("did you mean pipelines?") && error.contains(&name), "{error}");
        let folder = std::env::temp_dir().display().to_string();
        for (config, why) in [(folder.as_str(), "directory"), ("/nowhere.toml", "No such file")] {
            let error = load(config).unwrap_err();
            assert!(error.contains(config) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_children_read_again_has_a_name_of_its_own() {
        let file = PathBuf::from("Cargo.toml");
        assert_eq!(to_read_again(&file).unwrap(), file.canonicalize().unwrap());
        let (_open, name) = pipe("");
        let error = to_read_again(name.as_ref()).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains("write it into a file"), "{error}");
    }
}
