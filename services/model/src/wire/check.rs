use prost::Message;
use prost_types::Duration;
use tidemill_proto::v1;

use super::{
    CONTENT_TYPE_MAX_BYTES, KINDS_MAX, Limits, QUEUES_MAX,
    time::{Span, ceil_ms, duration_nanos},
    violation::{Violation, Violations},
};
use crate::id::{IdError, LeaseToken, Name, TaskId};

/// Collects violations. Each check answers with the value, if there is one to go on with.
#[derive(Debug, Default)]
pub(super) struct Checker(Vec<Violation>);

impl Checker {
    pub(super) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation {
            field: field.into(),
            description: description.into(),
        });
    }

    /// Number of violations so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value, if nothing was found wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Violations(self.0)),
        }
    }

    pub(super) fn id<T>(&mut self, field: impl Into<String>, parsed: Result<T, IdError>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error.to_string())).ok()
    }

    pub(super) fn task_id(&mut self, field: &str, text: &str) -> Option<TaskId> {
        self.id(field, text.parse())
    }

    pub(super) fn token(&mut self, field: impl Into<String>, text: &str) -> Option<LeaseToken> {
        self.id(field, text.parse())
    }

    /// A queue's name; empty: the default queue.
    pub(super) fn queue(&mut self, field: &str, text: &str, limits: &Limits) -> Option<Name> {
        if text.is_empty() {
            Some(limits.default_queue.clone())
        } else {
            self.id(field, Name::new(text))
        }
    }

    pub(super) fn longest(&mut self, field: impl Into<String>, bytes: usize, max: usize) {
        if bytes > max {
            self.add(field, format!("must have at most {max} bytes, has {bytes}"));
        }
    }

    /// A number within limits, both included.
    pub(super) fn within(&mut self, field: &str, value: i32, min: u32, max: u32) -> Option<u32> {
        let found = u32::try_from(value).ok().filter(|number| (min..=max).contains(number));
        if found.is_none() {
            self.add(field, format!("must be {min} to {max}"));
        }
        found
    }

    /// A duration within its span, in ms, rounded up.
    pub(super) fn duration(&mut self, field: &str, value: &Duration, span: Span) -> Option<u64> {
        let Some(nanos) = duration_nanos(value) else {
            self.add(
                field,
                "must be a well-formed Duration: nanos between -999,999,999 and 999,999,999, with the sign of seconds",
            );
            return None;
        };
        if !span.contains(nanos) {
            self.add(field, format!("must be {}", span.text));
            return None;
        }
        Some(ceil_ms(nanos))
    }

    /// As [`Checker::duration`]; absent and zero mean the default.
    pub(super) fn duration_or(&mut self, field: &str, value: Option<&Duration>, span: Span) -> Option<u64> {
        match value {
            Some(value) if value.seconds != 0 || value.nanos != 0 => self.duration(field, value, span),
            _ => None,
        }
    }

    pub(super) fn content_type(&mut self, field: &str, payload: &v1::Payload) {
        self.longest(
            format!("{field}.content_type"),
            payload.content_type.len(),
            CONTENT_TYPE_MAX_BYTES,
        );
    }

    /// A payload within its limit, its encoded length counted.
    pub(super) fn payload(&mut self, field: &str, payload: &v1::Payload, max: usize) {
        let bytes = payload.encoded_len();
        if bytes > max {
            self.add(
                field,
                format!("must have at most {max} bytes as an encoded Payload, has {bytes}"),
            );
        }
        self.content_type(field, payload);
    }

    /// Queues of a handler process, each once; none: the default queue.
    pub(super) fn queues(&mut self, texts: &[String], limits: &Limits) -> Vec<Name> {
        if texts.is_empty() {
            return vec![limits.default_queue.clone()];
        }
        self.names("queues", texts, QUEUES_MAX)
    }

    /// Kinds of a handler process, each once.
    pub(super) fn kinds(&mut self, texts: &[String]) -> Vec<Name> {
        if texts.is_empty() {
            self.add("kinds", format!("is required: 1 to {KINDS_MAX} kinds"));
        }
        self.names("kinds", texts, KINDS_MAX)
    }

    fn names(&mut self, field: &str, texts: &[String], max: usize) -> Vec<Name> {
        let mut names = Vec::new();
        if self.count(field, texts.len(), max) {
            for (index, text) in texts.iter().enumerate() {
                let name = self.id(format!("{field}[{index}]"), Name::new(text));
                names.extend(name.filter(|name| !names.contains(name)));
            }
        }
        names
    }

    /// Lease tokens, as many as were sent.
    pub(super) fn tokens(&mut self, field: &str, texts: &[String], max: usize) -> Vec<LeaseToken> {
        if !self.count(field, texts.len(), max) {
            return Vec::new();
        }
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| self.token(format!("{field}[{index}]"), text))
            .collect()
    }

    /// False if there are too many entries: then they are not looked at one by one.
    pub(super) fn count(&mut self, field: &str, count: usize, max: usize) -> bool {
        if count > max {
            self.add(field, format!("must have at most {max} entries, has {count}"));
        }
        count <= max
    }
}
