//! The configuration in force, for people: sources shown, secrets masked.

use std::collections::BTreeMap;

use toml::Value;

use super::layers::Setting;

const MASK: &str = "***";

/// Whether the value under this key must not be shown: any part of its name says so.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "token", "pepper"]
        .iter()
        .any(|word| key.contains(word))
}

pub(super) fn render(known: &BTreeMap<String, Value>, set: &BTreeMap<String, Setting>) -> String {
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, default) in known {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let setting = set.get(key);
        let value = masked(key, setting.map_or(default, |setting| &setting.value));
        let source = setting.map_or_else(String::new, |setting| format!("  # {}", setting.source));
        sections
            .entry(section)
            .or_default()
            .push(format!("{name} = {value}{source}\n"));
    }
    let mut text = String::new();
    for (section, lines) in sections {
        if !section.is_empty() {
            text.push_str(&format!("{}[{section}]\n", if text.is_empty() { "" } else { "\n" }));
        }
        text.extend(lines);
    }
    text
}

fn masked(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        _ if is_secret(key) => Value::String(MASK.to_owned()),
        Value::String(text) => Value::String(without_password(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| masked(key, item)).collect()),
        Value::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, inner)| (name.clone(), masked(name, inner)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// `redis://user:pass@host` becomes `redis://user:***@host`.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user_info, host)) => {
            let user = user_info.split_once(':').map_or(user_info, |(user, _)| user);
            format!("{scheme}://{user}:{MASK}@{host}{path}")
        }
        None => text.to_owned(),
    }
}
