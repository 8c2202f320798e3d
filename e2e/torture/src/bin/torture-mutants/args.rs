//! The command line.

use crate::Failure;

pub(crate) const HELP: &str = "\
Tries the torture rig on seeded bugs (mutants.json): makes a program with each, and insists that the rig finds an invariant broken.

  torture-mutants [NAME…]     all mutants, or those named
  torture-mutants --list      what there is
  torture-mutants --build     makes all programs and stops there

  --seed N     of the rig's runs; default 1. A run that was void is repeated once with N + 1
  --jobs N     runs side by side; default 1. More than one on a small machine makes runs void
  --keep       keeps what the rig writes down of every run, and not only of those that ended badly

Exit code: 0 all were caught, 1 one survived, 2 the table is wrong (a change that is not found exactly once, or does not compile),
3 the unchanged program did not pass, 4 a build or a run could not be made, 64 usage.";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Run,
    Build,
    List,
    Help,
}

/// What to do, and how.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) job: Job,
    pub(crate) names: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) jobs: usize,
    pub(crate) keep: bool,
}

impl Args {
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut this = Self {
            job: Job::Run,
            names: Vec::new(),
            seed: 1,
            jobs: 1,
            keep: false,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => this.job = Job::List,
                "--build" => this.job = Job::Build,
                "--help" | "-h" => this.job = Job::Help,
                "--keep" => this.keep = true,
                "--seed" => this.seed = number(&arg, args.next())?,
                "--jobs" => this.jobs = number::<usize>(&arg, args.next())?.max(1),
                other if other.starts_with('-') => return Err(Failure::Usage(format!("`{other}` is not known"))),
                _ => this.names.push(arg),
            }
        }
        Ok(this)
    }
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T, Failure> {
    let number = value.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::Usage(format!("{option} needs a number")))
}
