//! Does the rig notice a bug? Each mutant of `mutants.json` is a seeded bug: a patch of a copy of the tree, built, and put under the rig. The
//! rig must find an invariant broken; a mutant that survives is a hole in the checker or in the load. See `HELP`.

#[path = "torture-mutants/args.rs"]
mod args;
#[path = "torture-mutants/build.rs"]
mod build;
#[path = "torture-mutants/report.rs"]
mod report;
#[path = "torture-mutants/rig.rs"]
mod rig;
#[path = "torture-mutants/script.rs"]
mod script;
#[path = "torture-mutants/suite.rs"]
mod suite;
#[path = "torture-mutants/table.rs"]
mod table;
#[path = "torture-mutants/tree.rs"]
mod tree;

use std::{path::PathBuf, process::ExitCode};

use args::{Args, HELP, Job};

/// Why there is no verdict.
#[derive(Debug)]
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// The table is: a mutant that changes nothing, or that does not compile, says nothing about the rig.
    Table(String),
    /// The unchanged program did not pass: then nothing that the rig says of a mutant counts.
    Baseline(String),
    /// Something else than the mutants is broken.
    Broken(String),
}

impl Failure {
    /// An error of the operating system, with what was tried.
    fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Broken(format!("{what}: {error}"))
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Args::read(std::env::args().skip(1)) {
        Ok(args) => tokio::select! {
            ended = carry_out(&args) => ended,
            // What was started ends with the future that waits for it.
            _ = tokio::signal::ctrl_c() => Err(Failure::Broken("interrupted".to_owned())),
        },
        Err(error) => Err(error),
    };
    let (code, text) = match ended {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => return ExitCode::from(1),
        Err(Failure::Table(text)) => (2, format!("the table is wrong: {text}")),
        Err(Failure::Baseline(text)) => (3, format!("the run is void: {text}")),
        Err(Failure::Broken(text)) => (4, text),
        Err(Failure::Usage(text)) => (64, format!("{text}\n\n{HELP}")),
    };
    eprintln!("torture-mutants: {text}");
    ExitCode::from(code)
}

/// False: a mutant survived.
async fn carry_out(args: &Args) -> Result<bool, Failure> {
    if args.job == Job::Help {
        println!("{HELP}");
        return Ok(true);
    }
    let all = table::read(&root().join("e2e/torture/mutants.json"))?;
    let mutants = table::select(all, &args.names)?;
    if args.job == Job::List {
        report::list(&mutants);
        return Ok(true);
    }
    let programs = build::all(&mutants).await?;
    if args.job == Job::Build {
        return Ok(true);
    }
    let rig = rig::Rig::beside_us()?;
    let tried = suite::run(rig, mutants, &programs, args).await?;
    report::table(&tried);
    Ok(tried.iter().all(|one| one.is_caught()))
}
