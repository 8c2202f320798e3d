//! Making the program of each mutant. One build at a time, all in one folder: only what a mutation touches is compiled again.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Instant,
};

use tokio::{process::Command, task::block_in_place};

use crate::{
    Failure,
    script::{self, Compiler},
    table::{Mutant, changed_files},
    tree::Tree,
};

/// The name under which the program without a mutation goes.
pub(crate) const UNCHANGED: &str = "unchanged";

/// The programs, by the names of their mutants.
pub(crate) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    pub(crate) fn of(&self, name: &str) -> Result<&Path, Failure> {
        let found = self.0.get(name).map(PathBuf::as_path);
        found.ok_or_else(|| Failure::Broken(format!("{name} was not built")))
    }
}

/// Where everything goes that is made here.
pub(crate) fn folder() -> PathBuf {
    crate::root().join("target/torture/mutants")
}

/// Makes what is not there yet.
pub(crate) async fn all(mutants: &[Mutant]) -> Result<Programs, Failure> {
    let root = crate::root();
    // The whole table first: a mistake in it should not show after half an hour of builds.
    block_in_place(|| check(mutants, &root))?;
    let bins = folder().join("bin");
    fs::create_dir_all(&bins).map_err(Failure::io(bins.display()))?;
    let maker = Maker {
        tree: Tree::copy(&root, folder().join("tree"))?,
        bins,
    };
    let unchanged = maker.program(UNCHANGED, Recipe::Unchanged).await?;
    let mut programs = BTreeMap::new();
    for mutant in mutants {
        let of_scripts = mutant.changes.iter().all(|change| script::is_script(&change.file));
        let recipe = if of_scripts {
            Recipe::Scripts(mutant, &unchanged)
        } else {
            Recipe::Build(mutant)
        };
        programs.insert(mutant.name.clone(), maker.program(&mutant.name, recipe).await?);
    }
    programs.insert(UNCHANGED.to_owned(), unchanged);
    Ok(Programs(programs))
}

fn check(mutants: &[Mutant], root: &Path) -> Result<(), Failure> {
    let mut compiler = Compiler::start()?;
    for mutant in mutants {
        for (file, text) in changed_files(mutant, root)? {
            if script::is_script(&file)
                && let Some(fault) = compiler.fault_of(&text)?
            {
                return Err(Failure::Table(format!("{}: {file}: {fault}", mutant.name)));
            }
        }
    }
    Ok(())
}

/// How a program is made.
#[derive(Clone, Copy)]
enum Recipe<'a> {
    Unchanged,
    /// The unchanged program with other scripts.
    Scripts(&'a Mutant, &'a Path),
    Build(&'a Mutant),
}

struct Maker {
    tree: Tree,
    bins: PathBuf,
}

impl Maker {
    async fn program(&self, name: &str, recipe: Recipe<'_>) -> Result<PathBuf, Failure> {
        let digest = match recipe {
            Recipe::Unchanged => self.tree.digest_with(()),
            Recipe::Scripts(mutant, _) | Recipe::Build(mutant) => self.tree.digest_with(&mutant.changes),
        };
        let program = self.bins.join(format!("{name}-{digest:016x}"));
        if program.is_file() {
            return Ok(program);
        }
        remove_outdated(&self.bins, name)?;
        // Renamed into place, so that one that was cut short is not taken for a program.
        let unfinished = self.bins.join(format!("{name}.new"));
        let made_from = match recipe {
            Recipe::Scripts(_, unchanged) => unchanged.to_owned(),
            Recipe::Unchanged => self.build(name, None).await?,
            Recipe::Build(mutant) => self.build(name, Some(mutant)).await?,
        };
        fs::copy(&made_from, &unfinished).map_err(Failure::io(made_from.display()))?;
        if let Recipe::Scripts(mutant, _) = recipe {
            self.patch_scripts(mutant, &unfinished)?;
        }
        fs::rename(&unfinished, &program).map_err(Failure::io(program.display()))?;
        Ok(program)
    }

    async fn build(&self, name: &str, mutant: Option<&Mutant>) -> Result<PathBuf, Failure> {
        let begun = Instant::now();
        let changed = match mutant {
            Some(mutant) => Some(self.tree.change(changed_files(mutant, &self.tree.folder)?)?),
            None => None,
        };
        let output = cargo_build(&self.tree.folder).await?;
        drop(changed);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let text = format!("{name} does not compile:\n{said}");
            return Err(match mutant {
                Some(_) => Failure::Table(text),
                None => Failure::Broken(text),
            });
        }
        println!("built {name} in {:.0} s", begun.elapsed().as_secs_f64());
        Ok(target().join("debug/tidemill"))
    }

    fn patch_scripts(&self, mutant: &Mutant, program: &Path) -> Result<(), Failure> {
        let mut bytes = fs::read(program).map_err(Failure::io(program.display()))?;
        for (file, after) in changed_files(mutant, &self.tree.folder)? {
            let before = fs::read_to_string(self.tree.folder.join(&file)).map_err(Failure::io(&file))?;
            script::patch(&mut bytes, &before, &after)
                .map_err(|fault| Failure::Table(format!("{}: {file}: {fault}", mutant.name)))?;
        }
        fs::write(program, bytes).map_err(Failure::io(program.display()))
    }
}

fn target() -> PathBuf {
    folder().join("target")
}

/// Optimized a little: the rig wants more load than a program without that can bear on a small machine. And without debug information:
/// there are many of these programs.
async fn cargo_build(tree: &Path) -> Result<Output, Failure> {
    let building = Command::new("nice")
        .args(["-n", "10", "cargo", "build", "--quiet", "--locked"])
        .args(["-p", "tidemill", "--bin", "tidemill"])
        .args(["--config", "profile.dev.opt-level=1"])
        .args(["--config", "profile.dev.debug=false"])
        .args(["--config", "profile.dev.strip=true"])
        .arg("--target-dir")
        .arg(target())
        .current_dir(tree)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    building.await.map_err(Failure::io("cargo build"))
}

/// Programs of this name made of another tree.
fn remove_outdated(bins: &Path, name: &str) -> Result<(), Failure> {
    for entry in fs::read_dir(bins).map_err(Failure::io(bins.display()))? {
        let path = entry.map_err(Failure::io(bins.display()))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file.rsplit_once('-').is_some_and(|(known, _)| known == name) {
            fs::remove_file(&path).map_err(Failure::io(path.display()))?;
        }
    }
    Ok(())
}
