//! Input, output and chunks, and JSON to and from the contract's `Value`.

use bytes::Bytes;
use prost::Message;
use prost_types::{ListValue, Struct, value::Kind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Number, Value};
use tidemill_proto::v1::{self, payload::Content};

use crate::Error;

/// Input, output or chunk: bytes, text or JSON. The server takes at most 256 KiB (configurable to 1 MiB), of a chunk 64 KiB.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload(v1::Payload);

impl Payload {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// UTF-8 text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Content::Text(text.into()))
    }

    /// Raw bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Data(bytes.into()))
    }

    /// A JSON value, which every language and grpcurl see as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value cannot be serialised, or holds a whole number beyond 2^53, which a
    /// protobuf `Value`, a double, would change on the way: make such a number a string.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        let value =
            serde_json::to_value(value).map_err(|error| Error::invalid(format!("payload: not JSON: {error}")))?;
        match inexact(&value) {
            Some(number) => Err(Error::invalid(format!(
                "payload: {number} would lose digits as a JSON number; make it a string"
            ))),
            None => Ok(Self::of(Content::Json(to_value(value)))),
        }
    }

    /// Sets the MIME type. Without it the variant implies one.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.0.content_type = content_type.into();
        self
    }

    /// The MIME type: the one that was set, or the variant's.
    #[must_use]
    pub fn content_type(&self) -> &str {
        match (&self.0.content, self.0.content_type.as_str()) {
            (Some(Content::Text(_)), "") => "text/plain",
            (Some(Content::Json(_)), "") => "application/json",
            (_, "") => "application/octet-stream",
            (_, content_type) => content_type,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0.content {
            Some(Content::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The content as bytes: text as UTF-8, JSON as its text.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0.content {
            None => Bytes::new(),
            Some(Content::Data(data)) => data.clone(),
            Some(Content::Text(text)) => Bytes::copy_from_slice(text.as_bytes()),
            Some(Content::Json(value)) => from_value(value).to_string().into(),
        }
    }

    /// Reads JSON: of the JSON variant, or parsed from text or bytes.
    ///
    /// # Errors
    /// What `serde_json` says if it is not JSON, or not of this type.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match &self.0.content {
            None => serde_json::from_value(Value::Null),
            Some(Content::Json(value)) => serde_json::from_value(from_value(value)),
            Some(Content::Text(text)) => serde_json::from_str(text),
            Some(Content::Data(data)) => serde_json::from_slice(data),
        }
    }

    /// True if there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to_bytes().is_empty()
    }

    /// The message of the contract.
    #[must_use]
    pub fn as_proto(&self) -> &v1::Payload {
        &self.0
    }

    /// The message of the contract.
    #[must_use]
    pub fn into_proto(self) -> v1::Payload {
        self.0
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn of(content: Content) -> Self {
        Self(v1::Payload {
            content_type: String::new(),
            content: Some(content),
        })
    }
}

impl From<v1::Payload> for Payload {
    fn from(payload: v1::Payload) -> Self {
        Self(payload)
    }
}

impl From<()> for Payload {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::bytes(bytes)
    }
}

/// The first whole number that is not a double of its own.
fn inexact(value: &Value) -> Option<&Number> {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            whole.is_some_and(|whole| whole > EXACT).then_some(number)
        }
        Value::Array(values) => values.iter().find_map(inexact),
        Value::Object(fields) => fields.values().find_map(inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

fn to_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(to_value).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, to_value(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Whole numbers without a fraction. What JSON cannot say (infinities) becomes null.
fn from_value(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::NumberValue(number)) => from_double(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_value).collect(),
        Some(Kind::StructValue(fields)) => Value::Object(
            fields
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), from_value(value)))
                .collect(),
        ),
    }
}

fn from_double(number: f64) -> Value {
    /// Beyond this the digits of a double are not exact any more, and an exponent says so.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        // In range, as was just checked.
        Value::from(number as i64)
    } else {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_goes_there_and_back() {
        let value = json!({ "a": [1, -2.5, true, null, "x"], "b": { "c": 9_007_199_254_740_992_u64 } });
        let payload = Payload::json(&value).expect("exact");
        assert_eq!(payload.to_json::<Value>().expect("JSON"), value);
        assert_eq!(payload.content_type(), "application/json");
        let as_text = Payload::text(value.to_string());
        assert_eq!(as_text.to_json::<Value>().expect("JSON"), value);
        assert_eq!(
            Payload::bytes(value.to_string()).to_json::<Value>().expect("JSON"),
            value
        );
    }

    #[test]
    fn digits_are_never_lost_silently() {
        let error = Payload::json(&json!([9_007_199_254_740_993_u64])).expect_err("inexact");
        assert!(error.to_string().contains("9007199254740993"), "{error}");
    }

    #[test]
    fn bytes_of_every_variant() {
        assert_eq!(Payload::text("é").to_bytes(), "é".as_bytes());
        assert_eq!(Payload::bytes(vec![1, 2]).to_bytes(), [1, 2].as_slice());
        assert_eq!(Payload::json(&json!([1])).expect("exact").to_bytes(), "[1]");
        assert!(Payload::empty().is_empty() && !Payload::text("a").is_empty());
        assert_eq!(
            Payload::text("a").with_content_type("text/csv").content_type(),
            "text/csv"
        );
    }
}
