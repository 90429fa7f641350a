//! Debian's Chromium, driven by a script in `tests/browser` (playwright-core from the pages'
//! own packages). A script prints one JSON object as its last line.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// Runs `tests/browser/<script>` with these arguments and returns what it measured.
pub async fn run(script: &str, args: &[&str], patience: Duration) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let child =
        Command::new("node").arg(folder.join(script)).args(args).kill_on_drop(true).output();
    let output = tokio::time::timeout(patience, child)
        .await
        .unwrap_or_else(|_| panic!("{script} did not end within {patience:?}"))
        .expect("node");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed\n{stdout}\n{stderr}");
    let last = stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .unwrap_or_else(|error| panic!("{script}: {error}\n{stdout}\n{stderr}"))
}
