//! Prints what a command was asked for.

use std::io::{self, Write};

use crate::process::Failure;

/// Writes to stdout. A reader that went away, or a full disk, is no panic.
pub(crate) fn print(data: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(data.as_ref()).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Output(format!("cannot write to stdout: {error}")),
    })
}
