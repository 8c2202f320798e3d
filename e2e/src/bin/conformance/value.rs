//! JSON of the cases: names that stand for values, and what "contains" means.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// What `$name` stands for.
pub(crate) type Names = HashMap<String, Value>;

/// Puts values in the place of names: `"$id"` as a whole, `${id}` within a text. Makes what is too long to write down: `{"$chars": 2000}` is a
/// text, `{"$bytes": 3}` base64 of so many bytes, `{"$repeat": [1500, …]}` an array.
pub(crate) fn filled(value: &Value, names: &Names) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => filled_text(text, names)?,
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, names)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            if let Some(made) = made(fields, names)? {
                return Ok(made);
            }
            let pair = |(key, item): (&String, &Value)| {
                let key = filled_text(key, names)?.as_str().unwrap_or(key).to_owned();
                Ok::<_, String>((key, filled(item, names)?))
            };
            Value::Object(fields.iter().map(pair).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

fn made(fields: &Map<String, Value>, names: &Names) -> Result<Option<Value>, String> {
    let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
    let mut fields_left = fields.iter();
    let (Some((key, value)), None) = (fields_left.next(), fields_left.next()) else {
        return Ok(None);
    };
    Ok(Some(match (key.as_str(), value) {
        ("$chars", count) => "x".repeat(size(count).ok_or("$chars takes a number")?).into(),
        ("$bytes", count) => {
            use base64::{Engine, engine::general_purpose::STANDARD};
            let count = size(count).ok_or("$bytes takes a number")?;
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(count).collect();
            STANDARD.encode(bytes).into()
        }
        ("$repeat", Value::Array(pair)) => {
            let [count, item] = pair.as_slice() else {
                return Err("$repeat takes [count, item]".to_owned());
            };
            let item = filled(item, names)?;
            vec![item; size(count).ok_or("$repeat takes a count")?].into()
        }
        _ => return Ok(None),
    }))
}

fn filled_text(text: &str, names: &Names) -> Result<Value, String> {
    let find = |name: &str| names.get(name).ok_or_else(|| format!("nothing is called ${name}"));
    if let Some(name) = text.strip_prefix('$')
        && !name.starts_with('{')
    {
        // An operator of a pattern, see `differs`.
        if OPERATORS.contains(&text) {
            return Ok(text.into());
        }
        return find(name).cloned();
    }
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` lacks a }}"))?;
        let value = find(name)?;
        done.push_str(before);
        done.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    Ok((done + rest).into())
}

const OPERATORS: [&str; 11] = [
    "$absent", "$any", "$empty", "$has", "$in", "$len", "$max", "$min", "$not", "$some", "$line",
];

/// Where `actual` does not contain what `wanted` says; `None`: it does. Objects may have more fields than wanted; arrays may not have more
/// items. An object whose fields begin with `$` is a pattern:
/// `$any` something, `$absent` nothing, `$empty` nothing or no content, `$has` a text with this in it, whatever the case, `$in` one of these,
/// `$min` and `$max` a number in this range, `$len` so many items, `$some` for each of these an item that contains it, `$not` does not contain,
/// `$line` one line of text.
pub(crate) fn differs(wanted: &Value, actual: Option<&Value>, path: &str) -> Option<String> {
    if let Value::Object(fields) = wanted
        && fields.keys().next().is_some_and(|key| key.starts_with('$'))
    {
        return fields.iter().find_map(|(key, value)| pattern(key, value, actual, path));
    }
    let Some(actual) = actual.filter(|found| !found.is_null() || wanted.is_null()) else {
        return Some(format!("{path} is missing, wanted {wanted}"));
    };
    match (wanted, actual) {
        (Value::Object(fields), Value::Object(found)) => fields
            .iter()
            .find_map(|(key, value)| differs(value, found.get(key), &format!("{path}.{key}"))),
        (Value::Array(items), Value::Array(found)) => {
            if items.len() != found.len() {
                return Some(format!(
                    "{path} has {} items, not {}: {}",
                    found.len(),
                    items.len(),
                    short(actual)
                ));
            }
            let mut pairs = items.iter().zip(found).enumerate();
            pairs.find_map(|(index, (item, found))| differs(item, Some(found), &format!("{path}[{index}]")))
        }
        (Value::Number(number), Value::Number(found)) if number.as_f64() == found.as_f64() => None,
        (wanted, actual) if wanted == actual => None,
        _ => Some(format!("{path} is {}, wanted {}", short(actual), short(wanted))),
    }
}

fn pattern(key: &str, value: &Value, actual: Option<&Value>, path: &str) -> Option<String> {
    let found = actual.filter(|found| !found.is_null());
    let wrong = |what: &str| {
        Some(format!(
            "{path} is {}, wanted {what}",
            found.map_or("missing".to_owned(), short)
        ))
    };
    let number = || found.and_then(Value::as_f64).unwrap_or(f64::NAN);
    let text = || found.and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let items = || found.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let fits = match (key, value) {
        ("$any", _) => found.is_some(),
        ("$absent", _) => found.is_none(),
        ("$empty", _) => found.is_none_or(is_empty),
        ("$has", Value::String(part)) => text().contains(&part.to_lowercase()),
        ("$has", Value::Array(parts)) => parts
            .iter()
            .filter_map(Value::as_str)
            .all(|part| text().contains(&part.to_lowercase())),
        ("$line", _) => found
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty() && !text.contains('\n')),
        ("$in", Value::Array(choices)) => choices.iter().any(|choice| differs(choice, found, path).is_none()),
        ("$min", least) => least.as_f64().is_some_and(|least| number() >= least),
        ("$max", most) => most.as_f64().is_some_and(|most| number() <= most),
        ("$len", count) => found.is_some() && count.as_u64() == u64::try_from(items().len()).ok(),
        ("$some", Value::Array(wanted)) => wanted
            .iter()
            .all(|one| items().iter().any(|item| differs(one, Some(item), path).is_none())),
        ("$not", not) => differs(not, found, path).is_some(),
        _ => return Some(format!("{path}: `{key}` with {value} is no pattern")),
    };
    if fits {
        None
    } else {
        wrong(&json!({ key: value }).to_string())
    }
}

/// Nothing, or an output without content.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .all(|(key, value)| key == "content_type" || value.is_null() || value == ""),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Null => true,
        _ => false,
    }
}

/// For messages.
pub(crate) fn short(value: &Value) -> String {
    const MOST: usize = 600;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::from([("id".to_owned(), json!("7f")), ("n".to_owned(), json!(3))])
    }

    #[test]
    fn names_stand_for_values() {
        let filled = |value: Value| filled(&value, &names());
        assert_eq!(
            filled(json!({ "a": ["$id", "x-${id}-${n}"], "b": "$n" })),
            Ok(json!({ "a": ["7f", "x-7f-3"], "b": 3 }))
        );
        assert_eq!(filled(json!({ "$repeat": [2, "$id"] })), Ok(json!(["7f", "7f"])));
        assert_eq!(filled(json!({ "$chars": 3 })), Ok(json!("xxx")));
        assert!(filled(json!("$unknown")).is_err());
    }

    #[test]
    fn contains() {
        let fits = |wanted: Value, actual: Value| differs(&wanted, Some(&actual), "").is_none();
        assert!(fits(json!({ "a": 1 }), json!({ "a": 1.0, "b": 2 })));
        assert!(!fits(json!({ "a": 1 }), json!({ "b": 2 })));
        assert!(!fits(json!([1]), json!([1, 2])));
        assert!(fits(json!({ "a": { "$absent": true } }), json!({})));
        assert!(!fits(json!({ "a": { "$any": true } }), json!({ "a": null })));
        assert!(fits(json!({ "$min": 1, "$max": 2 }), json!(1.5)));
        assert!(!fits(json!({ "$min": 1 }), json!("1")));
        assert!(fits(json!({ "$has": "HTTPS://" }), json!("use https://")));
        assert!(fits(
            json!({ "$some": [{ "a": 1 }] }),
            json!([{ "a": 2 }, { "a": 1, "b": 1 }])
        ));
        assert!(!fits(json!({ "$some": [{ "a": 3 }] }), json!([{ "a": 2 }])));
        assert!(fits(json!({ "$empty": true }), json!({ "content_type": "text/plain" })));
        assert!(!fits(json!({ "$typo": 1 }), json!(1)), "an unknown pattern never fits");
    }
}
