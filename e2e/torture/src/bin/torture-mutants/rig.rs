//! One run of the rig.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tokio::process::Command;

use crate::{Failure, build};

/// A run that has not ended this long after its load hangs.
const OVERTIME: Duration = Duration::from_secs(420);
/// What the rig's exit codes mean.
const VIOLATED: i32 = 1;
const VOID: i32 = 2;

/// The program `torture`.
pub(crate) struct Rig {
    program: PathBuf,
    runs: PathBuf,
}

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    pub(crate) plan: String,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    /// What it has written down stays even if all was well.
    pub(crate) keep: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All invariants held.
    Held,
    /// Codes of those that did not, and the evidence of the first.
    Violated(Vec<String>, String),
    /// The run proves nothing.
    Void,
    /// The rig itself failed.
    Failed(String),
}

#[derive(Deserialize)]
struct Judgement {
    verdicts: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    invariant: String,
    violations: u64,
    #[serde(default)]
    evidence: Option<String>,
}

impl Rig {
    /// The one that was built with this program.
    pub(crate) fn beside_us() -> Result<Self, Failure> {
        let us = std::env::current_exe().map_err(Failure::io("this program"))?;
        let program = us.with_file_name("torture");
        if !program.is_file() {
            return Err(Failure::Broken(format!("there is no {}", program.display())));
        }
        let runs = build::folder().join("runs");
        fs::create_dir_all(&runs).map_err(Failure::io(runs.display()))?;
        Ok(Self { program, runs })
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, run: &Run) -> Result<Ended, Failure> {
        let base = self.runs.join(format!("{}-{}-{}", run.name, run.plan, run.seed));
        let (verdicts, log) = (base.with_extension("json"), base.with_extension("log"));
        let _ = fs::remove_file(&verdicts);
        let status = self.execute(run, &verdicts, &log).await?;
        let ended = judge(status, &verdicts, &log);
        if ended == Ended::Held && !run.keep {
            let _ = (fs::remove_file(&verdicts), fs::remove_file(&log));
        }
        Ok(ended)
    }

    /// `None`: it hung and was ended, with everything it had started.
    async fn execute(&self, run: &Run, verdicts: &Path, log: &Path) -> Result<Option<ExitStatus>, Failure> {
        let both = File::create(log).map_err(Failure::io(log.display()))?;
        let errors = both.try_clone().map_err(Failure::io(log.display()))?;
        let mut rig = Command::new(&self.program)
            .arg("--binary")
            .arg(&run.binary)
            .args(["--plan", &run.plan])
            .args(["--seconds", &run.seconds.to_string()])
            .args(["--seed", &run.seed.to_string()])
            .arg("--json")
            .arg(verdicts)
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Failure::io(self.program.display()))?;
        let group = Group(rig.id());
        let limit = Duration::from_secs(run.seconds) + OVERTIME;
        match tokio::time::timeout(limit, rig.wait()).await {
            Ok(status) => {
                group.has_ended();
                status.map(Some).map_err(Failure::io("the rig"))
            }
            Err(_) => Ok(None),
        }
    }
}

/// The process group of a rig and all that it has started. Dropped before the rig has ended by itself, it kills them all: nothing is
/// left behind by a run that hangs or is interrupted.
struct Group(Option<u32>);

impl Group {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let mut kill = std::process::Command::new("kill");
            let _ = kill.args(["-KILL", "--", &format!("-{leader}")]).status();
        }
    }
}

fn judge(status: Option<ExitStatus>, verdicts: &Path, log: &Path) -> Ended {
    let see = |what: &str| Ended::Failed(format!("{what}; see {}", log.display()));
    let Some(status) = status else {
        return see("the rig did not end");
    };
    match status.code() {
        Some(0) => Ended::Held,
        Some(VOID) => Ended::Void,
        Some(VIOLATED) => match broken(verdicts) {
            Ok((codes, evidence)) if !codes.is_empty() => Ended::Violated(codes, evidence),
            Ok(_) => see("the rig saw a violation and names none"),
            Err(error) => see(&format!("the verdicts cannot be read ({error})")),
        },
        _ => see(&format!("the rig ended with {status}")),
    }
}

fn broken(verdicts: &Path) -> Result<(Vec<String>, String), String> {
    let text = fs::read_to_string(verdicts).map_err(|error| error.to_string())?;
    let judgement: Judgement = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut broken = judgement
        .verdicts
        .into_iter()
        .filter(|one| one.violations > 0)
        .peekable();
    let evidence = broken.peek().and_then(|one| one.evidence.clone()).unwrap_or_default();
    Ok((broken.map(|one| one.invariant).collect(), evidence))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn judged(code: i32, verdicts: &str) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("verdicts.json");
        fs::write(&file, verdicts).unwrap();
        judge(Some(ExitStatus::from_raw(code << 8)), &file, Path::new("log"))
    }

    #[test]
    fn the_codes_of_broken_invariants_are_taken_from_the_verdicts() {
        let verdicts = r#"{"verdicts": [
            {"invariant": "I1", "name": "NoAckedLoss", "judged": 9, "violations": 0},
            {"invariant": "I4", "name": "Fencing", "judged": 9, "violations": 2, "evidence": "task a"},
            {"invariant": "I8", "name": "Budget", "judged": 9, "violations": 1, "evidence": "task b"}]}"#;
        let codes = ["I4", "I8"].map(str::to_owned).to_vec();
        assert_eq!(judged(1, verdicts), Ended::Violated(codes, "task a".to_owned()));
        assert_eq!(judged(0, "{}"), Ended::Held);
        assert_eq!(judged(2, "{}"), Ended::Void);
    }

    #[test]
    fn a_rig_that_fails_has_caught_nothing() {
        assert!(matches!(judged(101, "{}"), Ended::Failed(_)));
        assert!(matches!(judged(1, "{}"), Ended::Failed(_)));
        assert!(matches!(judged(1, r#"{"verdicts": []}"#), Ended::Failed(_)));
        assert!(matches!(judge(None, Path::new(""), Path::new("log")), Ended::Failed(_)));
    }
}
