//! The command line.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Plays the conformance cases against a client's runner (clients/conformance/README.md).

  conformance --language NAME     clients/NAME/runner.sh; for `rust` the conformance-runner beside this program
  conformance --runner CMD        any command; --language then only names it in the table
  conformance --list              what there is to play
  conformance --table FILE…       merges what --json wrote and prints language x case in Markdown
  conformance --self-test         plays against wrong runners and insists that the cases notice

  --case NAME      only this case, or this group, or what begins like this; may be repeated
  --json FILE      writes the results
  --into FILE      with --table: writes the table between the markers `<!-- conformance:begin -->` and `<!-- conformance:end -->`
  --verbose        prints the end of the runner's stderr after each failure";

/// What to do.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) job: Job,
    pub(crate) cases: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) verbose: bool,
    /// clients/conformance.
    pub(crate) folder: PathBuf,
}

#[derive(Debug)]
pub(crate) enum Job {
    Run { language: String, command: String },
    List,
    Table { files: Vec<PathBuf>, into: Option<PathBuf> },
    SelfTest,
    Help,
}

impl Args {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let clients = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients"));
        let (mut language, mut runner, mut into) = (None, None, None);
        let (mut files, mut job) = (Vec::new(), None);
        let mut this = Self {
            job: Job::Help,
            cases: Vec::new(),
            json: None,
            verbose: false,
            folder: clients.join("conformance"),
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--language" => language = Some(value()?),
                "--runner" => runner = Some(value()?),
                "--case" => this.cases.push(value()?),
                "--json" => this.json = Some(value()?.into()),
                "--into" => into = Some(value()?.into()),
                "--verbose" => this.verbose = true,
                "--list" => job = Some(Job::List),
                "--self-test" => job = Some(Job::SelfTest),
                "--help" | "-h" => job = Some(Job::Help),
                "--table" => {
                    while let Some(file) = args.next_if(|next| !next.starts_with("--")) {
                        files.push(PathBuf::from(file));
                    }
                    if files.is_empty() {
                        return Err("--table needs at least one file".to_owned());
                    }
                }
                other => return Err(format!("`{other}` is not known")),
            }
        }
        this.job = match (job, language, runner) {
            (Some(job), _, _) => job,
            (None, ..) if !files.is_empty() => Job::Table { files, into },
            (None, language, Some(command)) => Job::Run {
                language: language.unwrap_or_else(|| "runner".to_owned()),
                command,
            },
            (None, Some(language), None) => {
                let command = command_of(&language, &clients)?;
                Job::Run { language, command }
            }
            (None, None, None) => return Err("say --language, --runner, --list, --table or --self-test".to_owned()),
        };
        Ok(this)
    }
}

fn command_of(language: &str, clients: &std::path::Path) -> Result<String, String> {
    if language == "rust" {
        return Ok(quoted(&tidemill_e2e::binary("conformance-runner")));
    }
    let script = clients.join(language).join("runner.sh");
    if script.is_file() {
        Ok(quoted(&script))
    } else {
        Err(format!("there is no clients/{language}/runner.sh"))
    }
}

/// As one word of the shell; `exec`, so that signals reach the runner itself.
pub(crate) fn quoted(path: &std::path::Path) -> String {
    format!("exec '{}'", path.display().to_string().replace('\'', r"'\''"))
}
