//! One `tidemill dev` for each data directory.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use crate::process::Failure;

/// Held while the process lives; the system releases it even if the process is killed.
pub(super) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Makes the directory, readable by its owner only, and takes its lock. Names the process that holds it already.
    pub(super) fn take(data: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, error: std::io::Error| {
            Failure::Failed(format!("--data {}: cannot {what}: {error}", data.display()))
        };
        fs::create_dir_all(data).map_err(|error| failed("make the directory", error))?;
        let path = data.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed("open the lock file", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be about to write its number; the message is right without it.
                let _ = file.read_to_string(&mut holder);
                return Err(Failure::Failed(format!(
                    "--data {} is in use by process {}; stop it or name another directory with --data",
                    data.display(),
                    holder.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock it", error)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| failed("write the lock file", error))?;
        Ok(Self { _file: file })
    }
}
