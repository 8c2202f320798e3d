//! The input of a task from the command line.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::Value;
use tidemill_client::Payload;

use crate::Error;

/// No server takes more: 256 KiB, configurable to 1 MiB. Keeps an endless stdin out of memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// The input of a task: at most one of text, JSON, a file and stdin.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PayloadArgs {
    /// A single dash: the input is read from stdin, as bytes
    #[arg(value_name = "-", group = "input", value_parser = ["-"], hide_possible_values = true)]
    stdin: Option<String>,
    /// The input as text
    #[arg(long, value_name = "TEXT", group = "input", allow_hyphen_values = true)]
    text: Option<String>,
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
    pub(crate) fn read(&self) -> Result<Option<Payload>, Error> {
        let payload = match (&self.text, &self.json, self.path()) {
            (Some(text), _, _) => Payload::text(text),
            (_, Some(json), _) => Payload::json(json)?,
            (_, _, Some(path)) => Payload::bytes(read_file(path)?),
            (None, None, None) => return Ok(None),
        };
        Ok(Some(match &self.content_type {
            Some(content_type) => payload.with_content_type(content_type),
            None => payload,
        }))
    }

    pub(crate) fn reads_stdin(&self) -> bool {
        self.path() == Some(Path::new("-"))
    }

    fn path(&self) -> Option<&Path> {
        self.stdin.as_deref().map(Path::new).or(self.file.as_deref())
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
    match Payload::json(&value) {
        Ok(_) => Ok(value),
        Err(error) => Err(format!("{error}, or use --text")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn numbers_that_would_change_are_refused() {
        for text in [
            "9007199254740993",
            r#"{"id":[18446744073709551615]}"#,
            "-9007199254740993",
        ] {
            let error = parse_json(text).expect_err(text);
            assert!(
                error.contains("lose digits") && error.ends_with("use --text"),
                "{error}"
            );
        }
        assert!(parse_json("{").expect_err("broken").starts_with("not JSON"));
        assert!(parse_json("[9007199254740992]").is_ok());
    }

    #[test]
    fn a_file_becomes_bytes_up_to_the_limit() {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(b"\x00\xff").expect("written");
        let args = PayloadArgs {
            file: Some(file.path().to_owned()),
            content_type: Some("x/y".into()),
            ..PayloadArgs::default()
        };
        let payload = args.read().expect("read").expect("some");
        assert_eq!(
            (payload.content_type(), &payload.to_bytes()[..]),
            ("x/y", &[0, 0xff][..])
        );
        file.as_file().set_len(MAX_BYTES + 1).expect("grown");
        assert!(args.read().expect_err("too large").to_string().contains("1 MiB"));
        drop(file);
        assert_eq!(args.read().expect_err("missing").exit_code(), 2);
    }

    #[test]
    fn no_input_is_absent() {
        assert_eq!(PayloadArgs::default().read().expect("read"), None);
    }

    #[test]
    fn stdin_has_two_names() {
        let dash = || Some("-".to_owned());
        let positional = PayloadArgs {
            stdin: dash(),
            ..PayloadArgs::default()
        };
        let flag = PayloadArgs {
            file: dash().map(PathBuf::from),
            ..PayloadArgs::default()
        };
        assert!(positional.reads_stdin() && flag.reads_stdin() && !PayloadArgs::default().reads_stdin());
    }
}
