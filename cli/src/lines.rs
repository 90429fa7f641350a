//! Lines for people. `println!` and `eprintln!` panic when the terminal or the pipe is closed, and
//! what runs for long must go on then.

use std::io::{ErrorKind, Write, stderr, stdout};

/// A line to stdout; it is lost if nobody can read it any more.
pub(crate) fn to_stdout(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// A line to stderr, likewise.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// Whether somebody still reads the answer of a command: a closed pipe (`| head`) is no error.
pub(crate) fn is_read(written: std::io::Result<()>) -> std::io::Result<bool> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pipe that nobody reads any more.
    pub(crate) struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        assert!(is_read(Ok(())).is_ok_and(|read| read));
        assert!(is_read(writeln!(Closed, "a line")).is_ok_and(|read| !read));
        assert!(is_read(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
