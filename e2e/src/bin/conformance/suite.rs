//! Plays cases one after the other against one runner command.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    case::{self, Case},
    play::{Stop, play},
    report::{Outcome, Played, Report},
    runner::{Runner, SKIPPED, Start, tail},
    world::World,
};

/// The cases that were asked for, and where they play.
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    world: World,
    folder: TempDir,
    played: usize,
    /// Shorter than the usual patience: for runners that are known not to answer.
    pub(crate) patience: Option<Duration>,
    /// Whether each case is told of.
    pub(crate) quiet: bool,
}

impl Suite {
    pub(crate) fn new(folder: &Path, wanted: &[String]) -> Result<Self, String> {
        let mut cases = case::read_all(&folder.join("cases"))?;
        let world = World::new(folder)?;
        if let Some(case) = cases.iter().find(|case| !world.knows(&case.cluster)) {
            return Err(format!("{}: no cluster `{}` in clusters.json", case.name, case.cluster));
        }
        for name in wanted {
            if !cases.iter().any(|case| case.name.starts_with(name.as_str())) {
                return Err(format!("no case is called {name}, see --list"));
            }
        }
        cases.retain(|case| wanted.is_empty() || wanted.iter().any(|name| case.name.starts_with(name.as_str())));
        let folder = tempfile::Builder::new().prefix("tidemill-conformance-").tempdir();
        Ok(Self {
            cases,
            world,
            folder: folder.map_err(|error| format!("no folder for the logs: {error}"))?,
            played: 0,
            patience: None,
            quiet: false,
        })
    }

    /// Plays all of them.
    pub(crate) async fn run(&mut self, language: &str, command: &str, verbose: bool) -> Result<Report, String> {
        let cases = self.cases.clone();
        let begun = Instant::now();
        // Nobody's case pays for the start of the clusters.
        for case in &cases {
            self.world.site(&case.cluster).await?;
        }
        let mut report = Report::new(language);
        let start = Start {
            command: command.to_owned(),
            log: self.folder.path().join(format!("{language}.log")),
        };
        if !self.quiet {
            println!(
                "{language}: {} cases, clusters ready after {:.1} s",
                cases.len(),
                begun.elapsed().as_secs_f64()
            );
        }
        let mut runner = None;
        for case in &cases {
            let since = Instant::now();
            let outcome = self.one(case, &start, &mut runner).await?;
            if let Outcome::Skipped(why) = outcome {
                report.skipped = Some(why);
                break;
            }
            let played = Played::new(case, outcome, since.elapsed());
            if !self.quiet {
                println!("{}", played.line());
                if verbose && matches!(played.outcome, Outcome::Failed(_)) {
                    print!("{}", tail(&start.log, 20));
                }
            }
            report.cases.push(played);
        }
        report.milliseconds = report.cases.iter().map(|case| case.milliseconds).sum();
        self.world.check_logs();
        Ok(report)
    }

    /// Plays one with the runner of the one before, if that left it in order.
    async fn one(&mut self, case: &Case, start: &Start, runner: &mut Option<Runner>) -> Result<Outcome, String> {
        self.played += 1;
        let mut own = match runner.take() {
            Some(runner) => runner,
            None => Runner::start(start)?,
        };
        let played = play(case, self.played, &mut own, &mut self.world, self.patience).await;
        Ok(match played {
            Ok(()) if case.name == ENDS => own.end().await.map_or_else(Outcome::Failed, |()| Outcome::Passed),
            Ok(()) => {
                *runner = Some(own);
                Outcome::Passed
            }
            Err(Stop::Unsupported(why)) => Outcome::Unsupported(why),
            Err(Stop::Failed(why)) => match own.exit_code_if_ended().await {
                Some(SKIPPED) => Outcome::Skipped(tail(&start.log, 1).trim_matches(|c| " |\n".contains(c)).to_owned()),
                Some(code) => Outcome::Failed(format!(
                    "{why}; the runner had ended with exit code {code}:\n{}",
                    tail(&start.log, 8)
                )),
                None => Outcome::Failed(why),
            },
        })
    }
}

/// After this case the runner's stdin is closed, in the middle of its work.
pub(crate) const ENDS: &str = "runner.ends_with_its_stdin";
