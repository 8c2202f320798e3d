//! The cases as they are written down: clients/conformance/cases/*.json.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::world::Fault;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    /// What the cases have in common.
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    about: String,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    client: Map<String, Value>,
    steps: Vec<Value>,
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// `group.name`.
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) cluster: String,
    /// Changes to the client that the case begins with.
    pub(crate) client: Map<String, Value>,
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Command {
        command: Value,
        start: Option<String>,
        /// Said again until the answer is as it must be.
        again: bool,
        check: Check,
    },
    Answer {
        name: String,
        check: Check,
    },
    Event {
        event: Value,
        check: Check,
    },
    NoEvent {
        event: Value,
        for_ms: u64,
    },
    Events(Events),
    Log(Log),
    Fault(Suffer),
    Task {
        ids: Value,
        check: Check,
    },
    Queue {
        name: Value,
        check: Check,
    },
    Lease {
        lease: Value,
        check: Check,
    },
    Complete {
        token: Value,
        text: String,
        check: Check,
    },
    /// The runner's processes are stopped, and go on after this time.
    Pause {
        ms: u64,
    },
    Sleep {
        ms: u64,
    },
}

/// What an answer must be like.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Check {
    pub(crate) expect: Option<Value>,
    pub(crate) expect_error: Option<Value>,
    /// Names for parts of the answer, found by their paths: `task_id`, `outcomes.*.ok.task_id`.
    pub(crate) save: BTreeMap<String, String>,
    /// How long it took.
    pub(crate) took_ms: Option<Value>,
    pub(crate) within_ms: Option<u64>,
}

/// How many events there must have been.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) events: Value,
    pub(crate) count: Value,
    /// No two of them have the same value of this field.
    pub(crate) distinct: Option<String>,
    /// The values of one field in the order in which they came.
    pub(crate) in_order: Option<InOrder>,
}

/// Field and values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InOrder {
    pub(crate) field: String,
    pub(crate) values: Value,
}

/// Waits for the end of a watch, and looks at all that it yielded of one task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// The watch.
    pub(crate) log: String,
    /// Of several.
    pub(crate) task_id: Option<Value>,
    /// The first sequence number; those after it must follow without a hole, each once.
    #[serde(default = "one")]
    pub(crate) from: Value,
    /// All events in order.
    pub(crate) all: Option<Value>,
    /// The events of some types only, in order.
    #[serde(default)]
    pub(crate) only: Vec<String>,
    /// The last one.
    pub(crate) last: Option<Value>,
    pub(crate) within_ms: Option<u64>,
}

fn one() -> Value {
    json!(1)
}

/// Something happens to a role.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suffer {
    pub(crate) fault: Fault,
    pub(crate) role: String,
    /// So many times.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// This long after each.
    #[serde(default)]
    pub(crate) every_ms: u64,
    /// It is over sooner than this.
    pub(crate) within_ms: Option<u64>,
}

fn once() -> u32 {
    1
}

/// Fields of a step that are not part of the command.
const OF_CHECK: [&str; 5] = ["expect", "expect_error", "save", "took_ms", "within_ms"];

impl Step {
    fn read(step: &Value) -> Result<Self, String> {
        let Value::Object(fields) = step else {
            return Err("a step is an object".to_owned());
        };
        let mut fields = fields.clone();
        let has = |key: &str| step.get(key).is_some();
        let known = if has("op") {
            let check = check(&mut fields)?;
            let start = fields
                .remove("start")
                .map(|name| name.as_str().unwrap_or_default().to_owned());
            let again = fields.remove("again").is_some_and(|again| again == true);
            if again && (start.is_some() || check.expect.is_none()) {
                return Err("`again` needs `expect`, and has no `start`".to_owned());
            }
            return Ok(Self::Command {
                command: Value::Object(fields),
                start,
                again,
                check,
            });
        } else if has("events") {
            return typed(step).map(Self::Events);
        } else if has("log") {
            return typed(step).map(Self::Log);
        } else if has("fault") {
            return typed(step).map(Self::Fault);
        } else if let Some(event) = fields.remove("no_event") {
            let for_ms = fields.remove("for_ms").map_or(Some(300), |ms| ms.as_u64());
            let for_ms = for_ms.ok_or("for_ms is a number")?;
            Self::NoEvent { event, for_ms }
        } else if let Some(event) = fields.remove("event") {
            let check = check(&mut fields)?;
            Self::Event { event, check }
        } else if let Some(name) = text(&mut fields, "answer")? {
            let check = check(&mut fields)?;
            Self::Answer { name, check }
        } else if let Some(ids) = fields.remove("task") {
            let check = check(&mut fields)?;
            Self::Task { ids, check }
        } else if let Some(name) = fields.remove("queue") {
            let check = check(&mut fields)?;
            Self::Queue { name, check }
        } else if let Some(lease) = fields.remove("other_lease") {
            let check = check(&mut fields)?;
            Self::Lease { lease, check }
        } else if let Some(token) = fields.remove("other_complete") {
            let text = text(&mut fields, "text")?.unwrap_or_default();
            let check = check(&mut fields)?;
            Self::Complete { token, text, check }
        } else if let Some(ms) = fields.remove("pause_runner_ms") {
            let ms = ms.as_u64().ok_or("pause_runner_ms is a number")?;
            Self::Pause { ms }
        } else if let Some(ms) = fields.remove("sleep_ms") {
            let ms = ms.as_u64().ok_or("sleep_ms is a number")?;
            Self::Sleep { ms }
        } else {
            return Err("no step is like this".to_owned());
        };
        match fields.keys().next() {
            Some(other) => Err(format!("`{other}` does not belong here")),
            None => Ok(known),
        }
    }
}

fn typed<T: DeserializeOwned>(step: &Value) -> Result<T, String> {
    serde_json::from_value(step.clone()).map_err(|error| error.to_string())
}

fn text(fields: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match fields.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} is a text")),
    }
}

fn check(fields: &mut Map<String, Value>) -> Result<Check, String> {
    let own: Map<String, Value> = OF_CHECK.iter().filter_map(|key| fields.remove_entry(*key)).collect();
    typed(&Value::Object(own))
}

/// Reads every case, by the name of its file and then in the order of the file.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Case>, String> {
    let listed = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = listed
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut cases: Vec<Case> = Vec::new();
    for path in files {
        let wrong = |what: String| format!("{}: {what}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let group: Group = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        for written in group.cases {
            let case = named(stem, written).map_err(wrong)?;
            if cases.iter().any(|known| known.name == case.name) {
                return Err(wrong(format!("two cases are called {}", case.name)));
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

fn named(group: &str, written: Written) -> Result<Case, String> {
    let name = format!("{group}.{}", written.name);
    let step = |(index, step): (usize, &Value)| {
        Step::read(step).map_err(|error| format!("{name}, step {}: {error}: {step}", index + 1))
    };
    let steps = written.steps.iter().enumerate().map(step).collect::<Result<_, _>>()?;
    Ok(Case {
        about: written.about,
        cluster: written.cluster.unwrap_or_else(|| "main".to_owned()),
        client: written.client,
        steps,
        name,
    })
}
