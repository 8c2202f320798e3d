//! The copy of the tree that the mutants are made in. What ships is never touched.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use crate::Failure;

/// What the program is made of: its binary can be used again as long as this is the same.
const PROGRAM: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "proto",
    "third_party",
    "services",
    "clients/rust",
    "clients/cli",
];
/// What the workspace names besides.
const PROOF: &[&str] = &["bench", "e2e"];

/// The copy.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    /// Of what the program is made of.
    digest: u64,
}

impl Tree {
    /// Makes the copy equal to the working tree. Files that are equal keep their times, so that cargo builds only what has changed.
    pub(crate) fn copy(root: &Path, folder: PathBuf) -> Result<Self, Failure> {
        let mut hasher = DefaultHasher::new();
        let program = files(root, PROGRAM)?;
        for (path, bytes) in &program {
            (path, bytes).hash(&mut hasher);
        }
        let mut wanted = program;
        wanted.extend(files(root, PROOF)?);
        for path in listed(&folder)? {
            if !wanted.contains_key(&path) {
                let gone = folder.join(&path);
                fs::remove_file(&gone).map_err(Failure::io(gone.display()))?;
            }
        }
        for (path, bytes) in &wanted {
            write_if_other(&folder.join(path), bytes)?;
        }
        Ok(Self {
            folder,
            digest: hasher.finish(),
        })
    }

    /// Names the program that these changes lead to.
    pub(crate) fn digest_with(&self, changes: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.digest, changes).hash(&mut hasher);
        hasher.finish()
    }

    /// Writes changed files; they are put back when the answer is dropped.
    pub(crate) fn change(&self, files: BTreeMap<String, String>) -> Result<Changed, Failure> {
        let mut changed = Changed { before: Vec::new() };
        for (path, text) in files {
            let path = self.folder.join(path);
            let before = fs::read(&path).map_err(Failure::io(path.display()))?;
            fs::write(&path, text).map_err(Failure::io(path.display()))?;
            changed.before.push((path, before));
        }
        Ok(changed)
    }
}

/// Files that are other than in the tree, as long as this lives.
pub(crate) struct Changed {
    before: Vec<(PathBuf, Vec<u8>)>,
}

impl Drop for Changed {
    fn drop(&mut self) {
        for (path, bytes) in &self.before {
            // The next run makes the copy equal to the tree before it builds anything.
            let _ = fs::write(path, bytes);
        }
    }
}

/// What git knows, and what it would know after `git add`, with the bytes of the working tree.
fn files(root: &Path, under: &[&str]) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(under)
        .output()
        .map_err(Failure::io("git"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Broken(format!("git ls-files: {said}")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    // One that was removed and not committed yet is still listed.
    let there = paths.filter(|path| root.join(path).is_file());
    let read = |path: PathBuf| {
        let bytes = fs::read(root.join(&path)).map_err(Failure::io(path.display()))?;
        Ok((path, bytes))
    };
    there.map(read).collect()
}

/// Every file below a folder, by its path in it.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        if !next.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&next).map_err(Failure::io(next.display()))? {
            let path = entry.map_err(Failure::io(next.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                found.push(inside.to_owned());
            }
        }
    }
    Ok(found)
}

fn write_if_other(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Failure::io(folder.display()))?;
    }
    fs::write(path, bytes).map_err(Failure::io(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["init", "-q"])
            .status();
        assert!(made.unwrap().success());
        for (path, text) in [
            ("Cargo.toml", "a"),
            ("services/one.lua", "b"),
            ("e2e/two.rs", "c"),
            ("docs/three.md", "d"),
        ] {
            write_if_other(&folder.path().join(path), text.as_bytes()).unwrap();
        }
        folder
    }

    #[test]
    fn the_copy_follows_the_tree_and_only_what_the_program_is_made_of_decides_its_name() {
        let (root, copy) = (repository(), tempfile::tempdir().unwrap());
        let copied = || Tree::copy(root.path(), copy.path().to_owned()).unwrap();
        let first = copied().digest_with("");
        let mut there = listed(copy.path()).unwrap();
        there.sort();
        assert_eq!(
            there,
            ["Cargo.toml", "e2e/two.rs", "services/one.lua"].map(PathBuf::from)
        );

        fs::write(root.path().join("e2e/two.rs"), "other").unwrap();
        assert_eq!(copied().digest_with(""), first);
        assert_ne!(copied().digest_with("changed"), first);
        fs::write(root.path().join("services/one.lua"), "other").unwrap();
        assert_ne!(copied().digest_with(""), first);
        assert_eq!(
            fs::read_to_string(copy.path().join("services/one.lua")).unwrap(),
            "other"
        );

        fs::remove_file(root.path().join("e2e/two.rs")).unwrap();
        copied();
        assert!(!copy.path().join("e2e/two.rs").exists());
    }

    #[test]
    fn a_change_is_put_back() {
        let (root, copy) = (repository(), tempfile::tempdir().unwrap());
        let tree = Tree::copy(root.path(), copy.path().to_owned()).unwrap();
        let file = copy.path().join("services/one.lua");
        let changed = tree
            .change([("services/one.lua".to_owned(), "bug".to_owned())].into())
            .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "bug");
        drop(changed);
        assert_eq!(fs::read_to_string(&file).unwrap(), "b");
    }
}
