//! Lines for people. `println!` and `eprintln!` panic when the terminal or the pipe is closed, and
//! what runs for long must go on then.

use std::io::{Write, stderr, stdout};

/// A line to stdout; it is lost if nobody can read it any more.
pub(crate) fn to_stdout(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// A line to stderr, likewise.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
