//! What can be wrong with a configuration, and where it came from.

use std::{fmt, path::PathBuf};

/// Where a value was set. Later variants win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The defaults built into the program.
    Defaults,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// A command-line flag.
    Flag,
}

impl Source {
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Defaults => 0,
            Self::File(_) => 1,
            Self::Environment(_) => 2,
            Self::Flag => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("built-in defaults"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong. No variant carries the value itself: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing is configured under this name.
    #[error("unknown key `{key}` ({source_}){}", did_you_mean(.nearest.as_deref()))]
    UnknownKey {
        /// The name as written: a key, or an environment variable.
        key: String,
        /// Where it was written.
        source_: Source,
        /// The closest name of the same sort.
        nearest: Option<String>,
    },
    /// The value has another type than the default.
    #[error("`{key}` must be {expected} ({source_})")]
    WrongType {
        /// The key.
        key: String,
        /// Where it was written.
        source_: Source,
        /// The type of the default, as a phrase with its article.
        expected: &'static str,
    },
    /// The value has the right type but is not acceptable.
    #[error("`{key}` is not valid ({source_}): {message}")]
    Invalid {
        /// The key.
        key: String,
        /// Where it was written.
        source_: Source,
        /// What is wrong with it.
        message: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The text is not TOML.
    #[error("not valid TOML ({source_}): {message}")]
    Syntax {
        /// Which text.
        source_: Source,
        /// Line, column and what was expected there.
        message: String,
    },
    /// Several values do not fit together, or the built-in defaults do not fit the program.
    #[error("{0}")]
    Whole(String),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Everything that is wrong with a configuration: at least one [`Problem`], in the order in which they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// None if there is no problem.
    #[must_use]
    pub fn from_problems(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// For rules between values, which only the program that uses them knows, e.g. "a certificate needs a key".
    #[must_use]
    pub fn rule(message: impl Into<String>) -> Self {
        Self {
            problems: vec![Problem::Whole(message.into())],
        }
    }

    /// What is wrong, in the order in which it was found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "configuration: {only}"),
            many => {
                write!(f, "configuration: {} problems", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}
