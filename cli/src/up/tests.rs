//! What `up` makes of its flags, what it hands on to its children, and how they end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::{UpArgs, claim, drain, drain_of, stages_of, with_flags};
use crate::Cli;
use crate::media::Source;
use crate::settings::{Settings, flag};

fn viewers(viewers: u32) -> UpArgs {
    UpArgs { viewers: Some(viewers), source: None, ladder: None, ledger: None }
}

#[test]
fn flags_are_checked_like_the_settings_that_they_stand_for() {
    let ledger = Some("seen.jsonl".into());
    let args = UpArgs { ledger: ledger.clone(), ..viewers(20_000) };
    let settings = with_flags(Settings::default(), &args).unwrap();
    assert_eq!((settings.audience.viewers, &settings.audience.ledger), (20_000, &ledger));
    let refused = with_flags(settings, &viewers(20_001)).unwrap_err().to_string();
    assert!(refused.contains("audience: viewers is 20001; it must be 0 to 20000"), "{refused}");
    let mut settings = Settings::default();
    settings.encoder.fps = 50;
    let args = UpArgs { source: Some(Source::Loop), ..viewers(0) };
    let refused = with_flags(settings.clone(), &args).unwrap_err().to_string();
    assert!(refused.contains("the loop source was recorded at 25 fps"), "{refused}");
    settings.pipelines.clear();
    assert!(with_flags(settings, &args).is_ok(), "no encoder runs");
}

#[test]
fn children_are_given_files_and_folders_of_any_name() {
    for name in [&b"-data"[..], b"d\xe4ta"].map(OsStr::from_bytes) {
        let binary = OsString::from("tallylight");
        let words = [binary.clone(), flag("--data=", name), OsString::from("up")];
        let global = Cli::try_parse_from(words).unwrap().global;
        let mut settings = Settings::default();
        settings.audience.ledger = Some(name.into());
        for child in stages_of(&global, &settings, &viewers(1)).into_iter().flatten() {
            let ledger = child.args.contains(&flag("--ledger=", name));
            assert_eq!(ledger, child.name == "audience", "{}", child.name);
            let words = std::iter::once(binary.clone()).chain(child.args);
            let given = Cli::try_parse_from(words).unwrap().global;
            let data = Settings::load(&given).unwrap().data_dir;
            assert_eq!(data, Path::new(name), "{}", child.name);
        }
    }
}

#[test]
fn a_child_may_drain_for_as_long_as_its_services_may_by_their_settings() {
    let mut settings = Settings::default();
    assert_eq!(drain_of("data", &settings).as_secs(), 10 + 30 + 10 + 15, "docs/collector.md");
    settings.collector.drain_ms = 5_000;
    settings.processor.archive.finish_s = 20;
    settings.log.append_within_s = 7;
    for (child, seconds) in [
        ("data", 5 + 30 + 20 + 15),
        ("collector", 5 + 30 + 7 + 15),
        ("processor", 20 + 7 + 15),
        ("encoder-a", 15),
    ] {
        assert_eq!(drain_of(child, &settings).as_secs(), seconds, "{child}");
    }
}

#[tokio::test]
async fn a_task_that_failed_keeps_no_other_child_from_its_drain() {
    let (asked, reply) = (CancellationToken::new(), CancellationToken::new());
    let (end, ended) = (asked.clone(), reply.clone());
    let first = tokio::spawn(async move {
        end.cancelled().await;
        ended.cancel();
    });
    let last = tokio::spawn(async { panic!("a supervisor that fails") });
    let stages = vec![vec![(asked, first)], vec![(CancellationToken::new(), last)]];
    assert!(drain(stages).await.is_err_and(|error| error.is_panic()));
    assert!(reply.is_cancelled(), "the first stage has drained");
}

#[test]
fn a_second_one_on_the_same_data_is_told_what_to_do() {
    let data = std::env::temp_dir().join(format!("tallylight-{}", uuid::Uuid::new_v4()));
    let first = claim(&data).unwrap();
    let refused = format!("{:#}", claim(&data).unwrap_err());
    for word in [&std::process::id().to_string(), "--data DIR", "--ports BASE"] {
        assert!(refused.contains(word), "{refused}");
    }
    drop(first);
    claim(&data).unwrap();
    std::fs::remove_dir_all(data).unwrap();
}
