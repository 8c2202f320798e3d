//! The conformance suite for clients: plays every case against a language's runner and a live Tidemill, and prints the table. What a runner
//! and a case are: clients/conformance/README.md.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it may spawn, and what it did not foresee must stop it loudly"
)]

#[path = "conformance/args.rs"]
mod args;
#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/look.rs"]
mod look;
#[path = "conformance/play.rs"]
mod play;
#[path = "conformance/report.rs"]
mod report;
#[path = "conformance/runner.rs"]
mod runner;
#[path = "conformance/self_test.rs"]
mod self_test;
#[path = "conformance/suite.rs"]
mod suite;
#[path = "conformance/value.rs"]
mod value;
#[path = "conformance/world.rs"]
mod world;

use std::process::ExitCode;

use args::{Args, Job};
use report::Report;
use suite::Suite;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("conformance: {problem}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    let mut term = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let worked = tokio::select! {
        worked = work(args) => worked,
        // What was started ends with what is dropped here.
        _ = term.recv() => Err("told to end".to_owned()),
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    };
    match worked {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("conformance: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn work(args: Args) -> Result<ExitCode, String> {
    let (language, command) = match args.job {
        Job::Help => {
            println!("{}", args::HELP);
            return Ok(ExitCode::SUCCESS);
        }
        Job::List => {
            for case in case::read_all(&args.folder.join("cases"))? {
                println!("{:32} {}", case.name, case.about);
            }
            return Ok(ExitCode::SUCCESS);
        }
        Job::Table { files, into } => return report::table(&files, into.as_deref()),
        Job::SelfTest => return self_test::run(&args.folder, &args.cases).await,
        Job::Run { language, command } => (language, command),
    };
    let mut suite = Suite::new(&args.folder, &args.cases)?;
    let report = suite.run(&language, &command, args.verbose).await?;
    println!();
    print!("{}", report::markdown(std::slice::from_ref(&report)));
    println!("\n{}", report.summary());
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    Ok(match report {
        Report { skipped: Some(_), .. } => ExitCode::from(69),
        report if report.failed() > 0 => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
