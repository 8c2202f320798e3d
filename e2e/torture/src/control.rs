//! Orders to the shim (`shim.c`) that stands before a process's clock and disk.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Files of which the shim remembers how much is on the disk.
const FILES: u64 = 64;
const CLOCK: u64 = 0;
const SYNC_DELAY: u64 = 8;
const SYNC_ERRNO: u64 = 16;
const WRITE_ERRNO: u64 = 24;
const SYNCED: u64 = 32;

/// An error number of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskError {
    /// EIO: the disk does not answer as it should.
    Io = 5,
    /// ENOSPC: the disk is full.
    Full = 28,
}

/// Builds the shim into this folder. Panics without a C compiler: the build of the services needs one, too.
#[must_use]
pub fn build_shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, include_str!("shim.c")).expect("the shim's source is written");
    let output = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .output()
        .expect("a C compiler `cc` is installed");
    assert!(
        output.status.success(),
        "the shim does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}

/// The file through which one process, or several, get their orders.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    file: File,
}

impl Control {
    /// A file that orders nothing.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).read(true).write(true);
        let file = options.open(&path).expect("the control file is made");
        file.set_len(SYNCED + FILES * 16)
            .expect("the control file has its size");
        Self { path, file }
    }

    /// What the process needs in its environment.
    #[must_use]
    pub fn variables(&self, shim: &Path) -> [(String, String); 2] {
        [("LD_PRELOAD", shim), ("TORTURE_CONTROL", &self.path)]
            .map(|(name, path)| (name.to_owned(), path.display().to_string()))
    }

    fn set(&self, offset: u64, value: i64) {
        self.file
            .write_all_at(&value.to_ne_bytes(), offset)
            .expect("the control file is written");
    }

    fn get(&self, offset: u64) -> i64 {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, offset)
            .expect("the control file is read");
        i64::from_ne_bytes(bytes)
    }

    /// Moves the wall clock to so many ms from the true one.
    pub fn shift_clock(&self, ms: i64) {
        self.set(CLOCK, ms);
    }

    /// How far it is moved, in ms.
    #[must_use]
    pub fn clock(&self) -> i64 {
        self.get(CLOCK)
    }

    /// Each fdatasync takes so many ms more.
    pub fn delay_sync(&self, ms: i64) {
        self.set(SYNC_DELAY, ms * 1_000);
    }

    /// Each fdatasync fails.
    pub fn fail_sync(&self, error: Option<DiskError>) {
        self.set(SYNC_ERRNO, error.map_or(0, |error| error as i64));
    }

    /// Each write to a file fails.
    pub fn fail_write(&self, error: Option<DiskError>) {
        self.set(WRITE_ERRNO, error.map_or(0, |error| error as i64));
    }

    /// Bytes of this file that were surely on the disk: its size at the start of the last fdatasync that came back. `None`: never synced.
    #[must_use]
    pub fn synced(&self, file: &Path) -> Option<u64> {
        let inode = fs::metadata(file).ok()?.ino();
        let entries = (0..FILES).map(|n| SYNCED + n * 16);
        let entry = entries.into_iter().find(|&at| self.get(at) as u64 == inode)?;
        u64::try_from(self.get(entry + 8)).ok()
    }
}
