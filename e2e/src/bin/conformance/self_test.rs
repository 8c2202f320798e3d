//! Wrong runners, each of which some cases must notice: a case that cannot fail shows nothing.

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

use serde::Deserialize;

use crate::{args::quoted, report::Outcome, suite::Suite};

/// How long a case waits for a runner that says nothing.
const IMPATIENT: Duration = Duration::from_millis(400);
/// How long it waits for one that is wrong in one way only: what is right comes sooner.
const BRISK: Duration = Duration::from_secs(3);

/// One way to be wrong: an entry of mutations.json.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    about: String,
    /// Every one of them must fail.
    cases: Vec<String>,
    /// Nothing is wrong: every one of them must pass.
    #[serde(default)]
    control: bool,
    /// The cases need their usual patience to notice this, and nothing else.
    #[serde(default)]
    patient: bool,
}

/// Plays against the Rust runner's mutations. `only`: names of mutations; none: all.
pub(crate) async fn run(folder: &Path, only: &[String]) -> Result<ExitCode, String> {
    let path = folder.join("mutations.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mutations: BTreeMap<String, Mutation> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let mut suite = Suite::new(folder, &[])?;
    suite.quiet = true;
    let all = suite.cases.clone();
    let runner = quoted(&tidemill_e2e::binary("conformance-runner"));
    let mut missed = 0;
    for (name, mutation) in mutations.iter().filter(|(name, _)| wanted(name)) {
        suite.cases = all
            .iter()
            .filter(|case| mutation.cases.contains(&case.name))
            .cloned()
            .collect();
        if suite.cases.len() != mutation.cases.len() {
            return Err(format!("{name}: one of its cases does not exist: {:?}", mutation.cases));
        }
        suite.patience = (!mutation.control && !mutation.patient).then_some(BRISK);
        missed += one(&mut suite, name, &mutation.about, &runner, mutation.control).await?;
    }
    if wanted("mute") {
        suite.cases = all;
        suite.patience = Some(IMPATIENT);
        let about = "answers every command with nothing, and says nothing by itself";
        missed += one(&mut suite, "mute", about, &runner, false).await?;
    }
    println!(
        "{}",
        if missed == 0 {
            "every wrong runner was found out"
        } else {
            "some wrong runners were not found out"
        }
    );
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Answers how many cases did not notice, or noticed what is not wrong.
async fn one(suite: &mut Suite, name: &str, about: &str, runner: &str, control: bool) -> Result<usize, String> {
    let report = suite.run(name, &format!("{runner} --wrong {name}"), false).await?;
    let surprising = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Failed(_)) == control);
    let surprising: Vec<String> = surprising.map(|case| format!("\n    {}", case.line())).collect();
    let all = report.cases.len();
    match (surprising.is_empty() && all > 0, control) {
        (true, true) => println!("in order    {name:24} in {all} case(s): {about}"),
        (true, false) => println!("noticed     {name:24} by {all} case(s): {about}"),
        (false, true) => println!("NOT WRONG   {name:24} {about}:{}", surprising.concat()),
        (false, false) => println!("UNNOTICED   {name:24} {about}, by:{}", surprising.concat()),
    }
    Ok(if all == 0 { 1 } else { surprising.len() })
}
