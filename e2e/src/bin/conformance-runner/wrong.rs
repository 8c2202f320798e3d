//! How the runner is wrong, if it is told to be.

use std::sync::OnceLock;

static WRONG: OnceLock<Option<String>> = OnceLock::new();

/// Reads `--wrong NAME`.
pub(crate) fn read_arguments() {
    let mut args = std::env::args().skip(1);
    let name = match (args.next().as_deref(), args.next()) {
        (None, _) => None,
        (Some("--wrong"), Some(name)) => Some(name),
        _ => panic!("the only argument is --wrong NAME"),
    };
    let _ = WRONG.set(name);
}

/// Whether it is wrong in this way.
pub(crate) fn wrong(name: &str) -> bool {
    how().is_some_and(|how| how == name)
}

/// `lose-FIELD`: the field of a task that is not sent.
pub(crate) fn lost_field() -> Option<&'static str> {
    how()?.strip_prefix("lose-field-")
}

fn how() -> Option<&'static str> {
    WRONG.get()?.as_deref()
}

/// `raw…`: the worker is not the client's.
pub(crate) fn is_raw() -> bool {
    how().is_some_and(|how| how.starts_with("raw"))
}
