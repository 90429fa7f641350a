//! kill -9: every acknowledged entry survives.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tallylight_eventlog::{EventLog, Part};

use super::kit::{TOPIC, open};

const CHILD: &str = "TALLYLIGHT_TEST_LOG_DIR";
const ROUNDS: usize = 3;
const ACKNOWLEDGED: usize = 150;

/// Not a test itself but the process to be killed. Four tasks append and print what was
/// acknowledged until they are killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let log = Arc::new(open(Path::new(&dir)));
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let text =
                        format!("{}/{task}/{n} {}", std::process::id(), "x".repeat(n % 3_000));
                    let payload = text.clone().into();
                    let part = Part { kind: 1, ranges: vec![], payload };
                    let offset = log.append(TOPIC, vec![part]).await.unwrap();
                    println!("acked {offset} {text}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Lets a child write, kills it, and returns the entries that were acknowledged to it.
fn write_and_die(dir: &Path) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer_child", "--exact", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The last line may be incomplete; libtest prints text before the first.
        if let Some((_, rest)) = line.split_once("acked ")
            && let Some((offset, text)) = rest.split_once(' ')
        {
            acknowledged.push((offset.parse().unwrap(), text.to_owned()));
        }
        if acknowledged.len() >= ACKNOWLEDGED && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "the child ended by itself");
    child.wait().unwrap();
    acknowledged.pop();
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    // On the real disk, since this is the only test of real syncs.
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..ROUNDS {
        acknowledged.extend(write_and_die(dir.path()));
    }
    let log = open(dir.path());
    let batch = log.read(TOPIC, 0, usize::MAX).await.unwrap();
    assert_eq!(batch.lost, 0);
    assert_eq!(batch.next, batch.entries.len() as u64);
    assert!(acknowledged.len() >= ROUNDS * (ACKNOWLEDGED - 1));
    for (offset, text) in acknowledged {
        let entry = &batch.entries[usize::try_from(offset).unwrap()];
        assert_eq!(entry.offset, offset);
        assert_eq!(entry.parts[0].payload, text.as_bytes(), "offset {offset}");
    }
}
