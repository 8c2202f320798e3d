//! Parts of answers, whole logs, and steps in short.

use serde_json::Value;

use crate::{case::Step, value::short};

/// A step in short, for messages.
pub(crate) fn told(step: &Step) -> String {
    match step {
        Step::Command { command, .. } => format!(
            "{} {}",
            command["op"].as_str().unwrap_or("?"),
            command["task"]["kind"].as_str().unwrap_or("")
        ),
        Step::Answer { name, .. } => format!("answer of {name}"),
        Step::Event { event, .. } => format!("event {event}"),
        Step::NoEvent { event, .. } => format!("no event {event}"),
        Step::Events(events) => format!("events {}", events.events),
        Step::Log(log) => format!("log {}", log.log),
        Step::Fault(suffer) => format!("{:?} of {}", suffer.fault, suffer.role),
        Step::Task { ids, .. } => format!("task {ids}"),
        Step::Queue { name, .. } => format!("queue {name}"),
        Step::Lease { .. } => "another worker leases".to_owned(),
        Step::Complete { .. } => "another worker completes".to_owned(),
        Step::Pause { .. } => "pause".to_owned(),
        Step::Sleep { .. } => "sleep".to_owned(),
    }
}

/// Every sequence number from `first` on, once and in order; but for those that a `truncated` names.
pub(crate) fn whole(log: &[Value], first: i64) -> Result<(), String> {
    let mut due = first;
    for event in log {
        let number = |key: &str| event[key].as_i64().unwrap_or(-1);
        let begins = if event["type"] == "truncated" {
            number("from")
        } else {
            number("sequence")
        };
        if begins != due {
            return Err(format!("number {due} was due, and then came {}", short(event)));
        }
        due = if event["type"] == "truncated" {
            number("to")
        } else {
            number("sequence")
        } + 1;
    }
    if log.is_empty() {
        Err("the watch yielded nothing".to_owned())
    } else {
        Ok(())
    }
}

/// The part of a value at a path; `*` stands for every item.
pub(crate) fn at(value: &Value, path: &str) -> Option<Value> {
    let Some((key, rest)) = path.split_once('.').or(Some((path, ""))).filter(|_| !path.is_empty()) else {
        return Some(value.clone());
    };
    match (key, value) {
        ("*", Value::Array(items)) => items
            .iter()
            .map(|item| at(item, rest))
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        (index, Value::Array(items)) => at(items.get(index.parse::<usize>().ok()?)?, rest),
        (key, value) => at(value.get(key)?, rest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts() {
        let value = json!({ "a": [{ "b": 1 }, { "b": 2 }] });
        assert_eq!(at(&value, "a.1.b"), Some(json!(2)));
        assert_eq!(at(&value, "a.*.b"), Some(json!([1, 2])));
        assert_eq!(at(&value, "a.*.c"), None);
    }

    #[test]
    fn a_log_has_no_holes_but_those_it_names() {
        let event = |sequence: i64| json!({ "type": "state", "sequence": sequence });
        assert!(whole(&[event(1), event(2)], 1).is_ok());
        assert!(whole(&[event(1), event(3)], 1).is_err());
        assert!(whole(&[event(1), event(1)], 1).is_err());
        assert!(whole(&[], 1).is_err());
        let gap = json!({ "type": "truncated", "sequence": 3, "from": 2, "to": 3 });
        assert!(whole(&[event(1), gap, event(4)], 1).is_ok());
    }
}
