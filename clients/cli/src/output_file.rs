//! The file that takes the output of a task.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::Error;

/// A file to be written once. Opened early, so that a path that cannot be written is told before anything was waited for.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// A device or a pipe: written as it is.
    Stream(File),
    /// A file beside the final one, which it replaces once everything is in it: nobody ever sees half an output under the final name.
    Beside(NamedTempFile, PathBuf),
}

impl OutputFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            let text = "--file takes a path; to have the output alone on stdout use --quiet";
            return Err(Error::Usage(text.to_owned()));
        }
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let target = Self::target(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            target,
        })
    }

    fn target(path: &Path) -> io::Result<Target> {
        // Follows a symbolic link: what it points to is replaced, not the link.
        let path = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(found) if !found.is_file() => return File::options().write(true).open(path).map(Target::Stream),
            Ok(_) => fs::canonicalize(path)?,
            Err(_) => path.to_owned(),
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tidemill-output-");
        // As any new file: the umask takes its share.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let beside = builder.tempfile_in(folder).map_err(|error| without_path(&error))?;
        if let Ok(found) = fs::metadata(&path) {
            beside.as_file().set_permissions(found.permissions())?;
        }
        Ok(Target::Beside(beside, path))
    }

    /// The path as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes everything. After an error nothing is there under the final name that was not there before.
    pub(crate) fn save(self, data: &[u8]) -> Result<(), Error> {
        let path = self.path;
        let saved = match self.target {
            Target::Stream(mut file) => file.write_all(data).and_then(|()| file.flush()),
            Target::Beside(file, place) => replace(file, &place, data),
        };
        saved.map_err(|source| Error::File { path, source })
    }
}

/// The path that such an error names is not the one that was asked for.
fn without_path(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let cause = text.split(" at path ").next().unwrap_or_default();
    io::Error::new(error.kind(), cause)
}

fn replace(mut file: NamedTempFile, place: &Path, data: &[u8]) -> io::Result<()> {
    file.write_all(data)?;
    // Some file systems tell a full disk only now.
    file.as_file().sync_all()?;
    file.persist(place).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("folder").flatten();
        entries.map(|entry| entry.file_name().display().to_string()).collect()
    }

    #[test]
    fn the_file_appears_when_everything_is_in_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("out");
        let file = OutputFile::open(&path).expect("opened");
        assert!(!path.exists(), "nothing yet");
        file.save(b"data").expect("saved");
        assert_eq!(fs::read(&path).expect("read"), b"data");
        drop(OutputFile::open(&folder.path().join("other")).expect("opened"));
        assert_eq!(names(folder.path()), ["out"], "nothing is left of what was not saved");
    }

    #[test]
    fn an_earlier_file_keeps_its_permissions_and_a_link_stays_one() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        symlink(&path, &link).expect("linked");
        OutputFile::open(&link).expect("opened").save(b"new").expect("saved");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(fs::metadata(&path).expect("found").permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).expect("found").is_symlink());
    }

    #[test]
    fn what_cannot_be_written_is_told_at_once_or_at_the_end() {
        let refused = |path: &str| OutputFile::open(Path::new(path)).expect_err(path);
        assert_eq!(refused("-").exit_code(), 2);
        for path in ["/nowhere/out", "/"] {
            let error = refused(path);
            assert!(
                error.to_string().starts_with(&format!("cannot write {path}: "))
                    && !error.to_string().contains(".tidemill-output"),
                "{error}"
            );
            assert_eq!(error.exit_code(), 74);
        }
        let full = OutputFile::open(Path::new("/dev/full")).expect("opened");
        assert_eq!(full.save(b"data").expect_err("full").exit_code(), 74);
    }
}
