//! The layers and how they are put on one another.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    effective,
    error::{ConfigError, Problem, Source},
    nearest::nearest,
    value::{conform, parse, type_name},
};

/// Variables with our prefix that belong to clients and tests, not to the configuration. A trailing `*` matches any ending.
pub const CLIENT_VARIABLES: &[&str] = &[
    "TIDEMILL_URL",
    "TIDEMILL_RESULTS_URL",
    "TIDEMILL_WORKER_URL",
    "TIDEMILL_CA",
    "TIDEMILL_CERT",
    "TIDEMILL_CERT_KEY",
    "TIDEMILL_TOKEN",
    "TIDEMILL_TOKEN_FILE",
    "TIDEMILL_CONFIG",
    "TIDEMILL_TEST_*",
];

const PREFIX: &str = "TIDEMILL_";

/// The process's environment, without variables that are not UTF-8: no known one needs other text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the place that the rule points to")]
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The environment variable of a key: `worker.builtin_kinds` is `TIDEMILL_WORKER_BUILTIN_KINDS`.
#[must_use]
pub fn variable_name(key: &str) -> String {
    let name = key.replace(['.', '-'], "_").to_ascii_uppercase();
    format!("{PREFIX}{name}")
}

pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// Collects the layers, in any order of calls, and the problems found on the way; nothing fails before [`Layers::load`].
pub struct Layers {
    defaults: Table,
    /// Dotted key → default.
    known: BTreeMap<String, Value>,
    /// Dotted key → the strongest setting seen so far.
    set: BTreeMap<String, Setting>,
    problems: Vec<Problem>,
}

impl Layers {
    /// Starts from the commented default file, whose keys are all the keys there are.
    #[must_use]
    pub fn new(defaults_toml: &str) -> Self {
        let mut problems = Vec::new();
        let defaults = defaults_toml.parse::<Table>().unwrap_or_else(|error| {
            let (source_, message) = (Source::Defaults, error.to_string());
            problems.push(Problem::Syntax { source_, message });
            Table::new()
        });
        let mut known = BTreeMap::new();
        flatten("", &defaults, &mut known);
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for key in known.keys() {
            if let Some(other) = variables.insert(variable_name(key), key) {
                let message = format!("built-in defaults: `{other}` and `{key}` share one environment variable");
                problems.push(Problem::Whole(message));
            }
        }
        Self {
            defaults,
            known,
            set: BTreeMap::new(),
            problems,
        }
    }

    /// Adds a TOML file. A file that cannot be read is a problem: whoever names one wants it used.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match fs::read_to_string(path) {
            Ok(text) => self.file_text(path.to_owned(), &text),
            Err(error) => self.problems.push(Problem::Unreadable {
                path: path.to_owned(),
                message: error.to_string(),
            }),
        }
        self
    }

    fn file_text(&mut self, path: PathBuf, text: &str) {
        let source = Source::File(path);
        match text.parse::<Table>() {
            Ok(table) => self.file_table("", &table, &source),
            Err(error) => self.problems.push(Problem::Syntax {
                source_: source,
                message: error.to_string().trim_end().to_owned(),
            }),
        }
    }

    fn file_table(&mut self, prefix: &str, table: &Table, source: &Source) {
        for (name, value) in table {
            let key = join(prefix, name);
            if let Some(default) = self.known.get(&key) {
                match conform(default, value) {
                    Some(value) => self.put(key, value, source.clone()),
                    None => self.wrong_type(key, type_name(default), source.clone()),
                }
            } else if let Value::Table(inner) = value
                && (!inner.is_empty() || self.is_section(&key))
            {
                self.file_table(&key, inner, source);
            } else if self.is_section(&key) {
                self.wrong_type(key, "a table", source.clone());
            } else {
                self.unknown_key(key, source.clone());
            }
        }
    }

    /// Adds the variables that start with `TIDEMILL_`; others do not concern us. `ignored` names those that are for clients, see
    /// [`CLIENT_VARIABLES`]. Pass [`process_environment`] in a program, a list in a test.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>, ignored: &[&str]) -> Self {
        let keys: BTreeMap<String, String> = self.known.keys().map(|key| (variable_name(key), key.clone())).collect();
        let mut ours: Vec<(String, String)> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        ours.sort();
        for (name, text) in ours {
            if let Some(key) = keys.get(&name) {
                self.put_text(key.clone(), &text, Source::Environment(name));
            } else if !ignored.iter().any(|pattern| matches(pattern, &name)) {
                let nearest = nearest(&name, keys.keys().map(String::as_str));
                let source_ = Source::Environment(name.clone());
                self.problems.push(Problem::UnknownKey {
                    key: name,
                    source_,
                    nearest,
                });
            }
        }
        self
    }

    /// Adds flags as (key, text), e.g. `("redis.url", "redis://localhost")`. Of two for one key the last counts.
    #[must_use]
    pub fn overrides(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        for (key, text) in values {
            if self.known.contains_key(&key) {
                self.put_text(key, &text, Source::Flag);
            } else {
                self.unknown_key(key, Source::Flag);
            }
        }
        self
    }

    /// Puts the layers on one another and reads the result as `T`. All problems are reported together; `T` is tried only if the
    /// layers themselves are sound.
    pub fn load<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        if let Some(error) = ConfigError::from_problems(self.problems.clone()) {
            return Err(error);
        }
        T::deserialize(Value::Table(self.merged(self.set.iter()))).map_err(|whole| self.blame::<T>(&whole.to_string()))
    }

    /// The result as TOML, each value that is not a default with its source as a comment, secrets masked: for `config show` and logs.
    #[must_use]
    pub fn effective_toml(&self) -> String {
        effective::render(&self.known, &self.set)
    }

    /// Where the value of a key comes from; None if the key is unknown.
    #[must_use]
    pub fn source_of(&self, key: &str) -> Option<Source> {
        self.known.get(key)?;
        Some(
            self.set
                .get(key)
                .map_or(Source::Defaults, |setting| setting.source.clone()),
        )
    }

    /// Finds which settings `T` refuses, by trying each of them alone on the defaults: serde does not say where it was.
    fn blame<T: DeserializeOwned>(&self, whole: &str) -> ConfigError {
        if let Err(error) = T::deserialize(Value::Table(self.defaults.clone())) {
            return ConfigError::rule(format!("built-in defaults do not fit: {error}"));
        }
        let mut problems = Vec::new();
        for (key, setting) in &self.set {
            if let Err(error) = T::deserialize(Value::Table(self.merged(std::iter::once((key, setting))))) {
                let message = if effective::is_secret(key) {
                    "the value is refused".to_owned()
                } else {
                    error.to_string().lines().next().unwrap_or_default().to_owned()
                };
                let (key, source_) = (key.clone(), setting.source.clone());
                problems.push(Problem::Invalid { key, source_, message });
            }
        }
        ConfigError::from_problems(problems).unwrap_or_else(|| ConfigError::rule(whole.trim_end()))
    }

    fn merged<'a>(&self, settings: impl Iterator<Item = (&'a String, &'a Setting)>) -> Table {
        let mut merged = self.defaults.clone();
        for (key, setting) in settings {
            insert(&mut merged, key, setting.value.clone());
        }
        merged
    }

    fn put_text(&mut self, key: String, text: &str, source: Source) {
        let Some(default) = self.known.get(&key) else { return };
        match parse(default, text) {
            Some(value) => self.put(key, value, source),
            None => self.wrong_type(key, type_name(default), source),
        }
    }

    fn put(&mut self, key: String, value: Value, source: Source) {
        let stronger = self.set.get(&key).is_some_and(|old| old.source.rank() > source.rank());
        if !stronger {
            self.set.insert(key, Setting { value, source });
        }
    }

    fn is_section(&self, key: &str) -> bool {
        let start = format!("{key}.");
        self.known
            .range(start.clone()..)
            .next()
            .is_some_and(|(key, _)| key.starts_with(&start))
    }

    fn wrong_type(&mut self, key: String, expected: &'static str, source_: Source) {
        self.problems.push(Problem::WrongType { key, source_, expected });
    }

    fn unknown_key(&mut self, key: String, source_: Source) {
        let nearest = nearest(&key, self.known.keys().map(String::as_str));
        self.problems.push(Problem::UnknownKey { key, source_, nearest });
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |start| name.starts_with(start))
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

fn flatten(prefix: &str, table: &Table, known: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = join(prefix, name);
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, known),
            _ => drop(known.insert(key, value.clone())),
        }
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                insert(inner, rest, value);
            }
        }
    }
}
