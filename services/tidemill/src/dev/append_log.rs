//! The end of an append-only file that a killed server left, mended before the next one starts.
//!
//! Redis (7.0 at least) cuts a torn file after the last whole *command*, be it inside of a transaction, and then appends to it: the start after
//! that finds the half transaction completed by whatever follows, and applies it. So the whole of it is cut first; nobody was told of it, for
//! the server answers after the write. `redis-check-aof --fix` does the same, but is not always at hand, and also cuts a file that is
//! damaged in its middle, which is for a person to decide.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind},
    path::{Path, PathBuf},
};

/// `*3`, `$10485760` and the like, with their ends.
const LONGEST_LINE: usize = 64;

/// Cuts what follows the last command that is whole and outside of a transaction; gives the bytes that went. A file that is not an
/// append-only file all through is left as it is: the server refuses it, and says where.
pub(super) fn cut_half_transaction(home: &Path) -> io::Result<u64> {
    let Some(file) = newest_file(&home.join("appendonlydir"))? else {
        return Ok(0);
    };
    let open = match OpenOptions::new().read(true).write(true).open(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        open => open?,
    };
    let length = open.metadata()?.len();
    match whole_length(BufReader::new(&open)) {
        Ok(whole) if whole < length => {
            open.set_len(whole)?;
            open.sync_all()?;
            Ok(length - whole)
        }
        Ok(_) => Ok(0),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(0),
        Err(error) => Err(error),
    }
}

/// The file that the server appends to: the last incremental one of the manifest.
fn newest_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let manifest = match fs::read_to_string(folder.join("appendonly.aof.manifest")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        manifest => manifest?,
    };
    // file appendonly.aof.1.incr.aof seq 1 type i
    let newest = manifest.lines().rfind(|line| line.trim_end().ends_with("type i"));
    Ok(newest
        .and_then(|line| line.split_whitespace().nth(1))
        .map(|name| folder.join(name)))
}

/// Bytes up to the last command that is whole and not inside of a transaction.
fn whole_length(from: BufReader<&File>) -> io::Result<u64> {
    let mut commands = Commands { from, at: 0 };
    let (mut whole, mut inside) = (0, false);
    loop {
        match commands.next() {
            Ok(Some(Command::Multi)) => inside = true,
            Ok(Some(Command::Exec)) => inside = false,
            Ok(Some(Command::Other)) => {}
            Ok(None) => return Ok(whole),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(whole),
            Err(error) => return Err(error),
        }
        if !inside {
            whole = commands.at;
        }
    }
}

enum Command {
    Multi,
    Exec,
    Other,
}

struct Commands<R> {
    from: R,
    at: u64,
}

impl<R: BufRead> Commands<R> {
    /// `None` at the end, `UnexpectedEof` in the middle of one, `InvalidData` for anything else than commands and annotations.
    fn next(&mut self) -> io::Result<Option<Command>> {
        if self.from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let line = self.line()?;
        if line.starts_with(b"#") {
            return Ok(Some(Command::Other));
        }
        let arguments = number(&line, b'*')?;
        let mut command = Command::Other;
        for argument in 0..arguments {
            let line = self.line()?;
            let value = self.value(number(&line, b'$')?, argument == 0)?;
            if argument == 0 {
                command = match value.to_ascii_uppercase().as_slice() {
                    b"MULTI" => Command::Multi,
                    b"EXEC" => Command::Exec,
                    _ => Command::Other,
                };
            }
        }
        Ok(Some(command))
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        io::Read::take(&mut self.from, LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        self.at += line.len() as u64;
        match line.last() {
            Some(b'\n') => Ok(line),
            _ if line.len() == LONGEST_LINE => Err(ErrorKind::InvalidData.into()),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// A value and its line end. Only a wanted one is kept: they may be long.
    fn value(&mut self, length: u64, wanted: bool) -> io::Result<Vec<u8>> {
        let (mut value, mut end) = (Vec::new(), [0; 2]);
        let mut source = io::Read::take(&mut self.from, length);
        let read = if wanted {
            io::copy(&mut source, &mut value)?
        } else {
            io::copy(&mut source, &mut io::sink())?
        };
        if read < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        io::Read::read_exact(&mut self.from, &mut end)?;
        self.at += length + 2;
        if &end == b"\r\n" {
            Ok(value)
        } else {
            Err(ErrorKind::InvalidData.into())
        }
    }
}

fn number(line: &[u8], mark: u8) -> io::Result<u64> {
    let digits = line.strip_prefix(&[mark]).and_then(|rest| rest.strip_suffix(b"\r\n"));
    digits
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n1\r\n2\r\n";
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

    /// What is left of a file with these bytes.
    fn mended(bytes: &[u8]) -> Vec<u8> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("appendonlydir");
        fs::create_dir(&folder).unwrap();
        let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
        fs::write(folder.join("appendonly.aof.manifest"), manifest).unwrap();
        let file = folder.join("appendonly.aof.2.incr.aof");
        fs::write(&file, bytes).unwrap();
        let cut = cut_half_transaction(home.path()).unwrap();
        let left = fs::read(&file).unwrap();
        assert_eq!(left.len() as u64 + cut, bytes.len() as u64);
        left
    }

    #[test]
    fn wherever_a_transaction_is_torn_all_of_it_goes() {
        let whole = [SET, MULTI, SET, SET, EXEC].concat();
        let torn = [&whole, MULTI, SET, SET, EXEC].concat();
        for end in whole.len()..torn.len() {
            assert_eq!(mended(&torn[..end]), whole, "cut at {end}");
        }
        assert_eq!(mended(&torn), torn);
        assert_eq!(mended(&[b"#TS:1\r\n", SET].concat()), [b"#TS:1\r\n", SET].concat());
        assert!(mended(b"").is_empty());
    }

    #[test]
    fn a_file_that_is_damaged_in_its_middle_is_not_cut() {
        for piece in [&b"X"[..], b"*x\r\n", &[b'*'; 100], b"*1\r\n$4\r\nPINGxx"] {
            let damaged = [SET, piece, SET, MULTI].concat();
            assert_eq!(mended(&damaged), damaged);
        }
    }

    #[test]
    fn a_first_start_finds_nothing() {
        assert_eq!(cut_half_transaction(tempfile::tempdir().unwrap().path()).unwrap(), 0);
    }
}
