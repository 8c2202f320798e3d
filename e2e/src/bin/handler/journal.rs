//! One line for each thing that happens to a task; written whole, so that several processes can share the file.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use tidemill_proto::v1::Assignment;

#[derive(Debug)]
pub(crate) struct Journal(Option<File>);

impl Journal {
    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self(file.map_err(|error| eprintln!("journal: {error}")).ok())
    }

    /// `<what> <task_id> <attempt> <fence> <pid> <unix ms> <note>`
    pub(crate) fn write(&mut self, what: &str, of: &Assignment, note: &str) {
        let (task_id, attempt, fence) = (&of.task_id, of.attempt, of.fence);
        let line = format!(
            "{what} {task_id} {attempt} {fence} {} {} {note}\n",
            std::process::id(),
            unix_ms()
        );
        let written = self.0.as_mut().map(|file| file.write_all(line.as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            // A test must not go on without its evidence.
            eprintln!("the journal cannot be written: {written:?}");
            std::process::abort();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "evidence: several processes and the server write down when something happened, on one machine"
)]
fn unix_ms() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis())
}
