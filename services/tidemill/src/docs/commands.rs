//! The command reference: every help text as the program prints it.

use std::{collections::BTreeMap, fmt::Write};

use clap::{Command, CommandFactory};

use super::NOTE;
use crate::args::{Arguments, EXIT_CODES};

pub(super) fn reference() -> String {
    let mut root = Arguments::command();
    root.build();
    let mut text = format!(
        "# Commands\n\n{NOTE}Every help text as `tidemill COMMAND --help` prints it. `tidemill completions SHELL` prints a completion script, \
         `tidemill man DIR` writes manual pages.\n"
    );
    exit_codes(&mut text);
    environment(&mut text, &root);
    help(&mut text, &mut root);
    text
}

// Writing to a String cannot fail, here and below.
fn exit_codes(text: &mut String) {
    text.push_str("\n## Exit codes\n\n| code | of a client command | of a role |\n|---|---|---|\n");
    let mut rows: BTreeMap<u8, [&str; 2]> = BTreeMap::new();
    for (place, codes) in [tidemill_cli::EXIT_CODES, EXIT_CODES].into_iter().enumerate() {
        for (code, meaning) in codes {
            rows.entry(*code).or_default()[place] = meaning;
        }
    }
    for (code, [client, role]) in rows {
        let _ = writeln!(text, "| {code} | {client} | {role} |");
    }
}

fn environment(text: &mut String, root: &Command) {
    let mut rows = BTreeMap::new();
    collect_variables(root, &mut rows);
    let others = tidemill_cli::ENVIRONMENT.iter();
    rows.extend(others.map(|(name, meaning)| ((*name).to_owned(), (*meaning).to_owned())));
    text.push_str(
        "\n## Environment\n\nFlags win over variables. Every option of the roles has a variable, too: see \
         [configuration.md](configuration.md).\n\n| variable | meaning |\n|---|---|\n",
    );
    for (name, meaning) in rows {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
}

fn collect_variables(command: &Command, rows: &mut BTreeMap<String, String>) {
    for argument in command.get_arguments() {
        let Some(name) = argument.get_env() else { continue };
        let flag = argument.get_long().unwrap_or_default();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        rows.insert(name.display().to_string(), format!("`--{flag}`: {help}"));
    }
    for sub in command.get_subcommands() {
        collect_variables(sub, rows);
    }
}

fn help(text: &mut String, command: &mut Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let long_help = command.render_long_help().to_string();
    let lines: Vec<&str> = long_help.lines().map(str::trim_end).collect();
    let _ = writeln!(text, "\n## {name}\n\n```text\n{}\n```", lines.join("\n").trim_end());
    for sub in command.get_subcommands_mut() {
        if !sub.is_hide_set() && sub.get_name() != "help" {
            help(text, sub);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        let found = std::fs::read_to_string(path).unwrap();
        assert!(found == reference(), "docs/cli.md is stale: run `make docs`");
    }

    #[test]
    fn it_has_every_command_code_and_variable() {
        let text = reference();
        for part in [
            "## tidemill enqueue\n",
            "## tidemill config show\n",
            "Usage: tidemill queues [OPTIONS] [NAME]",
            "| 74 | the output cannot be written",
            "| `TIDEMILL_TOKEN_FILE` | `--token-file`: ",
            "| `NO_COLOR` | ",
            "| `TIDEMILL_CONFIG` | `--config`: ",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("internal-docs"), "hidden ones are not told");
    }
}
