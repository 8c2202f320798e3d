//! What became of the cases: lines, JSON, and the table of language × case.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::case::Case;

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// As it must be.
    Passed,
    /// Not so.
    Failed(String),
    /// The runner says that its language cannot have this.
    Unsupported(String),
    /// The language's toolchain is missing: nothing was played.
    Skipped(String),
}

/// One case of one language.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Played {
    pub(crate) name: String,
    pub(crate) about: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    pub(crate) milliseconds: u64,
}

/// All cases of one language.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) language: String,
    /// Why nothing was played.
    #[serde(default)]
    pub(crate) skipped: Option<String>,
    pub(crate) milliseconds: u64,
    pub(crate) cases: Vec<Played>,
}

impl Played {
    pub(crate) fn new(case: &Case, outcome: Outcome, took: Duration) -> Self {
        Self {
            name: case.name.clone(),
            about: case.about.clone(),
            outcome,
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        let seconds = self.milliseconds as f64 / 1_000.0;
        match &self.outcome {
            Outcome::Passed => format!("pass        {:32} {seconds:5.1} s", self.name),
            Outcome::Failed(why) => format!(
                "FAIL        {:32} {seconds:5.1} s\n    {}\n    {why}",
                self.name, self.about
            ),
            Outcome::Unsupported(why) => format!("unsupported {:32}         {why}", self.name),
            Outcome::Skipped(why) => format!("skipped     {:32}         {why}", self.name),
        }
    }
}

impl Report {
    pub(crate) fn new(language: &str) -> Self {
        Self {
            language: language.to_owned(),
            skipped: None,
            milliseconds: 0,
            cases: Vec::new(),
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.cases
            .iter()
            .filter(|case| matches!(case.outcome, Outcome::Failed(_)))
            .count()
    }

    pub(crate) fn summary(&self) -> String {
        if let Some(why) = &self.skipped {
            return format!("{}: skipped: {why}", self.language);
        }
        let unsupported = self
            .cases
            .iter()
            .filter(|case| matches!(case.outcome, Outcome::Unsupported(_)))
            .count();
        let (all, failed) = (self.cases.len(), self.failed());
        let passed = all - failed - unsupported;
        let seconds = self.milliseconds as f64 / 1_000.0;
        format!(
            "{}: {passed} of {all} cases pass, {failed} fail, {unsupported} unsupported, {seconds:.0} s",
            self.language
        )
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    fn cell(&self, name: &str, notes: &mut Vec<String>) -> String {
        if self.skipped.is_some() {
            return "skipped".to_owned();
        }
        match self
            .cases
            .iter()
            .find(|case| case.name == name)
            .map(|case| &case.outcome)
        {
            Some(Outcome::Passed) => "pass".to_owned(),
            Some(Outcome::Failed(_)) => "**FAIL**".to_owned(),
            Some(Outcome::Unsupported(why)) => {
                let note = format!("{}: {why}", self.language);
                let number = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                format!("unsupported ({})", number + 1)
            }
            Some(Outcome::Skipped(_)) => "skipped".to_owned(),
            None => "not played".to_owned(),
        }
    }
}

/// Language × case. Reasons of what is unsupported or skipped follow below it.
pub(crate) fn markdown(reports: &[Report]) -> String {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for case in reports.iter().flat_map(|report| &report.cases) {
        if !names.iter().any(|(name, _)| *name == case.name) {
            names.push((&case.name, &case.about));
        }
    }
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let languages = reports.iter().map(|report| report.language.clone());
    let mut text = row(["case".to_owned(), "what it shows".to_owned()]
        .into_iter()
        .chain(languages)
        .collect());
    text += &row(vec!["---".to_owned(); reports.len() + 2]);
    let mut notes = Vec::new();
    for (name, about) in names {
        let cells = reports.iter().map(|report| report.cell(name, &mut notes));
        let head = [format!("`{name}`"), about.replace('|', "\\|")];
        text += &row(head.into_iter().chain(cells.collect::<Vec<_>>()).collect());
    }
    for (number, note) in notes.iter().enumerate() {
        text += &format!("\n({}) {note}\n", number + 1);
    }
    for report in reports {
        if let Some(why) = &report.skipped {
            text += &format!("\n{} was skipped: {why}\n", report.language);
        }
    }
    text
}

const BEGIN: &str = "<!-- conformance:begin -->";
const END: &str = "<!-- conformance:end -->";

/// Merges results; fails if any of them has a failure.
pub(crate) fn table(files: &[PathBuf], into: Option<&Path>) -> Result<ExitCode, String> {
    let reports = files
        .iter()
        .map(|path| Report::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let text = markdown(&reports);
    match into {
        None => print!("{text}"),
        Some(path) => {
            let document = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let written =
                between_markers(&document, &text).ok_or_else(|| format!("{}: no {BEGIN} … {END}", path.display()))?;
            std::fs::write(path, written).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    reports.iter().for_each(|report| eprintln!("{}", report.summary()));
    let failed = reports.iter().any(|report| report.failed() > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn between_markers(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(language: &str, outcome: Outcome) -> Report {
        let case = Played {
            name: "a.b".to_owned(),
            about: "x".to_owned(),
            outcome,
            milliseconds: 1,
        };
        Report {
            cases: vec![case],
            ..Report::new(language)
        }
    }

    #[test]
    fn languages_side_by_side() {
        let reports = [
            report("rust", Outcome::Passed),
            report("go", Outcome::Failed("why".to_owned())),
            report("java", Outcome::Unsupported("no".to_owned())),
        ];
        let text = markdown(&reports);
        assert!(
            text.contains("| `a.b` | x | pass | **FAIL** | unsupported (1) |"),
            "{text}"
        );
        assert!(text.contains("(1) java: no"), "{text}");
    }

    #[test]
    fn the_table_goes_between_its_markers() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let written = between_markers(&document, "new\n").expect("markers");
        assert_eq!(written, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(between_markers(&written, "new\n").as_deref(), Some(written.as_str()));
        assert!(between_markers("a", "new").is_none());
    }

    #[test]
    fn json_keeps_what_was_found() {
        let written = serde_json::to_string(&report("go", Outcome::Failed("why".to_owned()))).expect("JSON");
        let read: Report = serde_json::from_str(&written).expect("a report");
        assert_eq!(read.failed(), 1, "{written}");
    }
}
