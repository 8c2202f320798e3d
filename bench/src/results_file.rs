//! The generated part of `RESULTS.md`: everything between two marks; the rest is written by hand and stays.

use std::{fs, path::Path, process::Command};

use crate::{
    cpu::{load_average, machine},
    table::{Figure, markdown},
};

const BEGIN: &str = "<!-- make bench writes from here -->";
const END: &str = "<!-- to here -->";

/// Where and of what the figures are.
pub(crate) fn heading(server: &str, load_before: &str) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output();
        let output = output.ok().filter(|output| output.status.success());
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date = date.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        ""
    } else {
        " with changes"
    };
    format!(
        "{date}, commit {}{changed}, {}, {server}; load average before {load_before}, after {}.",
        git(&["rev-parse", "--short", "HEAD"]),
        machine(),
        load_average(),
    )
}

/// Replaces the generated part.
pub(crate) fn write(path: &Path, heading: &str, figures: &[Figure]) {
    let before = fs::read_to_string(path).expect("the file of results");
    let parts = before
        .split_once(BEGIN)
        .and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.unwrap_or_else(|| panic!("{}: the marks are missing", path.display()));
    let text = format!("{head}{BEGIN}\n\n{heading}\n\n{}\n{END}{tail}", markdown(figures));
    fs::write(path, text).expect("the file of results is written");
}
