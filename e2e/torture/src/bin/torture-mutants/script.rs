//! Mutants of scripts need no compiler: a program carries the text of every script as it stands in the tree, so the bug is made there. That
//! takes no time, and most mutants are of this sort.

use redis::{Client, RedisError};
use tidemill_test_server::TestServer;

use crate::Failure;

/// Whether the file is a script of the store.
pub(crate) fn is_script(file: &str) -> bool {
    file.ends_with(".lua")
}

/// Replaces the text of a script in a program.
pub(crate) fn patch(program: &mut [u8], before: &str, after: &str) -> Result<(), String> {
    let places: Vec<usize> = places_of(program, before.as_bytes()).collect();
    let &[place] = places.as_slice() else {
        return Err(format!("the program holds the script {} times, not once", places.len()));
    };
    let after = fit(after, before.len()).ok_or("the script has not enough comments to make room for the change")?;
    program[place..place + after.len()].copy_from_slice(after.as_bytes());
    Ok(())
}

fn places_of(bytes: &[u8], sought: &[u8]) -> impl Iterator<Item = usize> {
    // Comparing at each place is slow in a program of a hundred megabytes; where the first byte fits is rare enough.
    let first = sought.first().copied();
    let candidates = bytes.iter().enumerate().filter(move |(_, byte)| Some(**byte) == first);
    candidates.filter_map(|(place, _)| bytes[place..].starts_with(sought).then_some(place))
}

/// The script in exactly so many bytes: comments go, empty lines come.
fn fit(text: &str, length: usize) -> Option<String> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let mut bytes = text.len();
    while bytes > length {
        let is_comment = |line: &&str| line.trim_start().starts_with("--") && !line.contains("--[");
        let comment = lines.iter().position(is_comment)?;
        bytes -= lines.remove(comment).len() + 1;
    }
    Some(lines.join("\n") + &"\n".repeat(length - bytes))
}

/// Compiles scripts without running them.
pub(crate) struct Compiler {
    connection: redis::Connection,
    _server: TestServer,
}

impl Compiler {
    pub(crate) fn start() -> Result<Self, Failure> {
        let server = TestServer::start();
        let connection = Client::open(server.url()).and_then(|client| client.get_connection());
        Ok(Self {
            connection: connection.map_err(broken)?,
            _server: server,
        })
    }

    /// `Some`: what is wrong with it.
    pub(crate) fn fault_of(&mut self, script: &str) -> Result<Option<String>, Failure> {
        let mut check = redis::cmd("EVAL");
        check
            .arg("local made, fault = loadstring(ARGV[1]) return fault or ''")
            .arg(0)
            .arg(script);
        let fault: String = check.query(&mut self.connection).map_err(broken)?;
        Ok((!fault.is_empty()).then_some(fault))
    }
}

fn broken(error: RedisError) -> Failure {
    Failure::Broken(format!("the server that compiles scripts: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_the_room_of_comments_or_leaves_empty_lines() {
        let script = "-- header\nlocal a = 1 -- why\nreturn a\n";
        let mut program = format!("\0before{script}after\0").into_bytes();
        patch(&mut program, script, "-- header\nlocal a = 1 -- why\nreturn a + a\n").unwrap();
        let longer = "local a = 1 -- why\nreturn a + a\n\n\n\n\n\n\n";
        assert_eq!(program, format!("\0before{longer}after\0").into_bytes());
        patch(&mut program, longer, "return 1\n").unwrap();
        let shorter = format!("return 1\n{}", "\n".repeat(longer.len() - 9));
        assert_eq!(program, format!("\0before{shorter}after\0").into_bytes());
    }

    #[test]
    fn what_does_not_fit_or_is_not_there_once_is_an_error() {
        let script = "return 1\n";
        let patched = |program: &str, after| patch(&mut program.to_owned().into_bytes(), script, after);
        assert!(patched("", "return 2\n").is_err());
        assert!(patched("return 1\nreturn 1\n", "return 2\n").is_err());
        assert!(patched(script, "return 222\n").is_err());
        assert!(patched(script, "return 2\n").is_ok());
    }

    #[test]
    fn the_compiler_finds_a_script_that_is_none() {
        let mut compiler = Compiler::start().unwrap();
        assert_eq!(compiler.fault_of("local a = 1\nreturn a").unwrap(), None);
        assert!(compiler.fault_of("local a = = 1").unwrap().is_some());
    }
}
