//! Values of the outer layers, read as the type of the default.

use toml::{Table, Value};

/// The type of a default, as a phrase with its article.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date and time",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}

/// A value from a file, if it has the type of the default. A whole number is a number.
pub(super) fn conform(default: &Value, given: &Value) -> Option<Value> {
    match (default, given) {
        #[expect(clippy::cast_precision_loss, reason = "configured numbers are small")]
        (Value::Float(_), Value::Integer(n)) => Some(Value::Float(*n as f64)),
        _ if default.same_type(given) => Some(given.clone()),
        _ => None,
    }
}

/// A text from the environment or a flag, read as the type of the default. Arrays are comma-separated (`a,b`, empty for none) or TOML
/// (`["a", "b"]`); other texts are taken as they are, except that spaces around numbers and words do not count.
pub(super) fn parse(default: &Value, text: &str) -> Option<Value> {
    let trimmed = text.trim();
    match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => trimmed.parse().ok().map(Value::Integer),
        Value::Float(_) => trimmed.parse().ok().map(Value::Float),
        Value::Boolean(_) => trimmed.parse().ok().map(Value::Boolean),
        Value::Datetime(_) => trimmed.parse().ok().map(Value::Datetime),
        Value::Array(items) if trimmed.starts_with('[') => toml_value(trimmed)
            .filter(Value::is_array)
            .filter(|value| elements_fit(items, value)),
        Value::Array(items) => parse_list(items.first(), trimmed),
        Value::Table(_) => toml_value(trimmed).filter(Value::is_table),
    }
}

fn parse_list(element: Option<&Value>, text: &str) -> Option<Value> {
    let text_element = Value::String(String::new());
    let element = element.unwrap_or(&text_element);
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| parse(element, item))
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}

fn elements_fit(defaults: &[Value], given: &Value) -> bool {
    match (defaults.first(), given) {
        (Some(default), Value::Array(items)) => items.iter().all(|item| default.same_type(item)),
        _ => true,
    }
}

fn toml_value(text: &str) -> Option<Value> {
    format!("value = {text}").parse::<Table>().ok()?.remove("value")
}
