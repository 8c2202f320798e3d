//! What shells and readers of manuals get, made from the definition of the command line.

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{args::Arguments, process::Failure};

const NAME: &str = "tidemill";

/// The completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    script
}

/// The manual page of the program.
pub(crate) fn page() -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let rendered = Man::new(Arguments::command()).render(&mut page);
    rendered.map_err(|error| Failure::Failed(format!("cannot render the manual page: {error}")))?;
    Ok(page)
}

/// The pages of the program and of each command.
pub(crate) fn write_pages(folder: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| Failure::Output(format!("cannot write to {}: {error}", folder.display())))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_completes_the_client_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).unwrap();
            assert!(script.contains("enqueue") && script.contains("key-prefix"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        write_pages(&folder.path().join("man")).unwrap();
        for command in ["tidemill", "tidemill-enqueue", "tidemill-config-show", "tidemill-man"] {
            let page = fs::read_to_string(folder.path().join("man").join(format!("{command}.1")));
            assert!(page.unwrap().contains(".TH "), "{command}");
        }
        assert!(
            !folder.path().join("man/tidemill-internal-docs.1").exists(),
            "hidden ones have none"
        );
        assert!(String::from_utf8(page().unwrap()).unwrap().contains("gRPC"));
    }
}
