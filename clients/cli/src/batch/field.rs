//! One field of the contract's JSON mapping: its value as the type it must have, or a text that names it.

use std::str::FromStr;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_types::{Duration, Timestamp};
use serde_json::Value;
use tidemill_client::{
    Payload,
    proto::{self, Priority},
};

use crate::{
    duration::{parse_duration, to_proto},
    task_args::parse_time,
};

/// A name in lowerCamelCase, and as the proto has it.
pub(super) type Name = (&'static str, &'static str);

const PAYLOAD_FIELDS: &[Name] = &[
    ("contentType", "content_type"),
    ("data", "data"),
    ("text", "text"),
    ("json", "json"),
];
/// With and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field with its path.
#[derive(Debug)]
pub(super) struct Field {
    path: String,
    value: Value,
}

/// The lowerCamelCase name of a field that may be here.
pub(super) fn canonical(names: &'static [Name], field: &Field) -> Result<&'static str, String> {
    let found = names
        .iter()
        .find(|(camel, snake)| [*camel, *snake].contains(&field.name()));
    found.map(|(camel, _)| *camel).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(camel, _)| *camel).collect();
        format!("unknown field `{}`; known here: {}", field.path, known.join(", "))
    })
}

impl Field {
    pub(super) fn new(path: &str, value: Value) -> Self {
        Self {
            path: path.to_owned(),
            value,
        }
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.split_once('.').map_or(&self.path, |(_, name)| name)
    }

    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn wrong(&self, what: impl AsRef<str>) -> String {
        format!("{}: {}", self.path, what.as_ref())
    }

    fn as_text(&self, wanted: &str) -> Result<&str, String> {
        self.value.as_str().ok_or_else(|| self.wrong(wanted))
    }

    pub(super) fn text(&self) -> Result<String, String> {
        self.as_text("not a string").map(str::to_owned)
    }

    pub(super) fn boolean(&self) -> Result<bool, String> {
        self.value.as_bool().ok_or_else(|| self.wrong("not true or false"))
    }

    /// As a number or, as the mapping allows, as a string that holds one.
    pub(super) fn number<T: FromStr>(&self) -> Result<T, String> {
        let text = match &self.value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        text.parse()
            .map_err(|_| self.wrong(format!("{} is not such a number", self.value)))
    }

    pub(super) fn duration(&self) -> Result<Duration, String> {
        let text = self.as_text("not a duration; write it as a string, e.g. \"10s\"")?;
        parse_duration(text).map(to_proto).map_err(|error| self.wrong(error))
    }

    pub(super) fn time(&self) -> Result<Timestamp, String> {
        let text = self.as_text("not a time; write it as a string, e.g. \"2026-12-24T18:00:00Z\"")?;
        parse_time(text).map_err(|error| self.wrong(error))
    }

    /// By its full name, in short as on the command line, or by its number.
    pub(super) fn priority(&self) -> Result<i32, String> {
        if self.value.is_number() {
            return self.number();
        }
        let text = self.as_text("not a priority")?.to_ascii_uppercase();
        let full = if text.starts_with("PRIORITY_") {
            text
        } else {
            format!("PRIORITY_{text}")
        };
        let known = Priority::from_str_name(&full).map(|priority| priority as i32);
        known.ok_or_else(|| self.wrong(format!("{} is not one of low, normal, high, urgent", self.value)))
    }

    /// The fields of an object.
    pub(super) fn fields(self) -> Result<Vec<Self>, String> {
        let path = self.path;
        match self.value {
            Value::Object(fields) => {
                let fields = fields.into_iter();
                Ok(fields
                    .map(|(name, value)| Self::new(&format!("{path}.{name}"), value))
                    .collect())
            }
            _ => Err(format!("{path}: not an object")),
        }
    }

    pub(super) fn payload(self) -> Result<proto::Payload, String> {
        let path = self.path.clone();
        let (mut content, mut content_type) = (None, None);
        for field in self.fields()? {
            let payload = match canonical(PAYLOAD_FIELDS, &field)? {
                // Of all fields the only one whose null is a value.
                "json" => Payload::json(&field.value).map_err(|error| field.wrong(error.message()))?,
                _ if field.is_null() => continue,
                "contentType" => {
                    content_type = Some(field.text()?);
                    continue;
                }
                "data" => Payload::bytes(field.base64()?),
                _ => Payload::text(field.text()?),
            };
            if content.replace(payload).is_some() {
                return Err(format!("{path}: more than one of data, text and json"));
            }
        }
        let payload = content.unwrap_or_default();
        Ok(match content_type {
            Some(content_type) => payload.with_content_type(content_type).into_proto(),
            None => payload.into_proto(),
        })
    }

    /// In either alphabet.
    fn base64(&self) -> Result<Vec<u8>, String> {
        let text = self.as_text("not a string")?.replace('-', "+").replace('_', "/");
        BASE64
            .decode(text)
            .map_err(|error| self.wrong(format!("not base64: {error}")))
    }
}
