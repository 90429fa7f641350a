//! The processes of a world: finding them, and `kill -9`.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::World;

impl World {
    /// Process ids of `up`'s child of this name (`encoder-a`), or of all its children that run
    /// this subcommand (`encoder`).
    pub fn children(&self, word: &str) -> Vec<i32> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent =
                stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let is_it = command.split(|byte| *byte == 0).any(|arg| arg == word.as_bytes());
            if parent == Some(self.up.id()) && is_it && !stat.contains(") Z ") {
                found.push(pid);
            }
        }
        found
    }

    /// `kill -9` of the child of this name, such as `encoder-a`, once there is one: `tallylight`
    /// re-executes itself, and has no name meanwhile. Returns when it is gone: a process killed
    /// while it waits for a slow disk looks alive until the disk answers.
    pub async fn kill_child(&self, name: &str) {
        let one = async || match self.children(name)[..] {
            [pid] => Some(pid),
            _ => None,
        };
        let pid = self.wait_some(&format!("one {name} process"), 20, one).await;
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("kill -9");
        let gone = async || !self.children(name).contains(&pid);
        self.wait_for("the end of the killed process", 20, gone).await;
    }

    /// `kill -9` of `up` and everything below it; returns when all of it is gone.
    pub fn kill_tree(&mut self) {
        let children = descendants(self.up.id());
        for pid in std::iter::once(&self.up.id()).chain(&children) {
            let _ = kill(Pid::from_raw(i32::try_from(*pid).unwrap()), Signal::SIGKILL);
        }
        let _ = self.up.wait();
        until_gone(&children);
    }
}

/// Returns when these killed processes are gone. A dead process may not be yet: a thread that waits
/// for the disk keeps its ports.
pub(crate) fn until_gone(pids: &[u32]) {
    let alive = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        !stat.is_empty() && (!stat.contains(") Z ") || threads > 1)
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.iter().any(alive) && Instant::now() < deadline {
        #[allow(clippy::disallowed_methods, reason = "waits for other processes")]
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The descendants of the process `root`.
fn descendants(root: u32) -> Vec<u32> {
    let parent_of = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let children = parents.iter().filter(|(_, parent)| *parent == found[at]);
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        at += 1;
    }
    found.split_off(1)
}
