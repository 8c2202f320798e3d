//! The input of a task from the command line, and JSON to and from the contract's `Value`.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use prost_types::{ListValue, Struct, value::Kind};
use serde_json::{Number, Value};
use tidemill_proto::v1::{Payload, payload::Content};

use crate::Error;

/// No server takes more: 256 KiB, configurable to 1 MiB. Keeps an endless stdin out of memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// The input of a task: at most one of text, JSON and a file.
#[derive(Debug, Clone, Default, Args)]
pub struct PayloadArgs {
    /// The input as text
    #[arg(long, value_name = "TEXT", group = "input", allow_hyphen_values = true)]
    pub(crate) text: Option<String>,
    /// The input as a JSON value
    #[arg(long, value_name = "JSON", group = "input", allow_hyphen_values = true, value_parser = parse_json)]
    json: Option<Value>,
    /// The input as the bytes of a file; - reads stdin
    #[arg(long, value_name = "PATH", group = "input")]
    file: Option<PathBuf>,
    /// MIME type of the input [default: by its variant]
    #[arg(long, value_name = "TYPE", requires = "input")]
    content_type: Option<String>,
}

impl PayloadArgs {
    /// Reads the file, if there is one. `None`: no input was given.
    pub(crate) fn read(self) -> Result<Option<Payload>, Error> {
        let content = match (self.text, self.json, self.file) {
            (Some(text), _, _) => Content::Text(text),
            (_, Some(json), _) => Content::Json(to_proto(json)),
            (_, _, Some(path)) => Content::Data(read_file(&path)?.into()),
            (None, None, None) => return Ok(None),
        };
        Ok(Some(Payload {
            content_type: self.content_type.unwrap_or_default(),
            content: Some(content),
        }))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: io::Error| Error::Usage(format!("cannot read {}: {error}", path.display()));
    let mut data = Vec::new();
    // One byte more than allowed shows that there is more.
    let read = if path == Path::new("-") {
        io::stdin().take(MAX_BYTES + 1).read_to_end(&mut data)
    } else {
        File::open(path)
            .map_err(failed)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut data)
    };
    match u64::try_from(read.map_err(failed)?) {
        Ok(0..=MAX_BYTES) => Ok(data),
        _ => Err(Error::Usage(format!(
            "{} is larger than 1 MiB, which no server takes as input",
            path.display()
        ))),
    }
}

/// Reads JSON and refuses numbers that a protobuf `Value`, a double, would change on the way.
fn parse_json(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match inexact(&value) {
        Some(number) => Err(format!(
            "{number} would lose digits as a JSON number; make it a string, or use --text"
        )),
        None => Ok(value),
    }
}

fn inexact(value: &Value) -> Option<&Number> {
    /// Up to here every whole number is a double of its own.
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

fn to_proto(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(to_proto).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, to_proto(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// JSON as people know it: whole numbers without a fraction. What JSON cannot say (infinities) becomes null.
pub(crate) fn from_proto(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::NumberValue(number)) => from_double(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_proto).collect(),
        Some(Kind::StructValue(fields)) => Value::Object(
            fields
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), from_proto(value)))
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
    use std::io::Write;

    use super::*;

    #[test]
    fn json_survives_the_way_there_and_back() {
        for text in [
            r#"{"a":[1,2.5,-3,null,true,"x"],"b":{}}"#,
            "7",
            "\"s\"",
            "[]",
            "9007199254740992",
        ] {
            let value = parse_json(text).expect(text);
            assert_eq!(from_proto(&to_proto(value)).to_string(), text);
        }
        assert_eq!(from_double(f64::INFINITY), Value::Null);
    }

    #[test]
    fn numbers_that_would_change_are_refused() {
        for text in [
            "9007199254740993",
            r#"{"id":[18446744073709551615]}"#,
            "-9007199254740993",
        ] {
            assert!(parse_json(text).expect_err(text).contains("lose digits"));
        }
        assert!(parse_json("{").expect_err("broken").starts_with("not JSON"));
    }

    #[test]
    fn a_file_becomes_bytes_up_to_the_limit() {
        let path = std::env::temp_dir().join(format!("tidemill-cli-{}", uuid::Uuid::new_v4()));
        File::create(&path)
            .and_then(|mut file| file.write_all(b"\x00\xff"))
            .expect("written");
        let args = PayloadArgs {
            file: Some(path.clone()),
            content_type: Some("x/y".into()),
            ..PayloadArgs::default()
        };
        let payload = args.clone().read().expect("read").expect("some");
        assert_eq!(
            (payload.content_type.as_str(), payload.content),
            ("x/y", Some(Content::Data(vec![0, 0xff].into())))
        );
        File::create(&path)
            .and_then(|file| file.set_len(MAX_BYTES + 1))
            .expect("grown");
        assert!(
            args.clone()
                .read()
                .expect_err("too large")
                .to_string()
                .contains("1 MiB")
        );
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(args.read().expect_err("missing").exit_code(), 2);
    }

    #[test]
    fn no_input_is_absent() {
        assert!(PayloadArgs::default().read().expect("read").is_none());
    }
}
