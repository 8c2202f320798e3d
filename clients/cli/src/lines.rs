//! Lines of a file or of stdin, one by one and each of a bounded length.

use std::{fmt, io, path::Path};

use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncRead, BufReader},
};

use crate::Error;

/// A source of lines.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    longest: usize,
    name: String,
    /// Bytes in all, if that is known.
    size: Option<u64>,
    read: u64,
    number: u64,
    /// What was read of the line that is not complete yet.
    line: Vec<u8>,
    too_long: bool,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    /// `None`: longer than allowed.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Lines {
    /// Opens a file, or stdin for `-`.
    pub(crate) async fn open(path: &Path, longest: usize) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Ok(Self::of(Box::new(tokio::io::stdin()), longest, "stdin", None));
        }
        let name = path.display().to_string();
        let failed = |error: io::Error| Error::Usage(format!("cannot read {name}: {error}"));
        let file = File::open(path).await.map_err(failed)?;
        let found = file.metadata().await.map_err(failed)?;
        let size = found.is_file().then_some(found.len());
        Ok(Self::of(Box::new(file), longest, &name, size))
    }

    fn of(reader: Box<dyn AsyncRead + Send + Unpin>, longest: usize, name: &str, size: Option<u64>) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            longest,
            name: name.to_owned(),
            size,
            read: 0,
            number: 0,
            line: Vec::new(),
            too_long: false,
        }
    }

    /// The next line; `None` at the end. Safe in a `select!`: nothing is lost with a cancelled call.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, Error> {
        loop {
            let buffer = self.reader.fill_buf().await;
            let buffer = buffer.map_err(|error| Error::Usage(format!("cannot read {}: {error}", self.name)))?;
            if buffer.is_empty() {
                let rest = !self.line.is_empty() || self.too_long;
                return Ok(rest.then(|| self.take()));
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            if self.line.len() + part.len() > self.longest {
                self.too_long = true;
                self.line = Vec::new();
            } else if !self.too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            self.read = self.read.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        self.number += 1;
        let mut bytes = std::mem::take(&mut self.line);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let too_long = std::mem::take(&mut self.too_long);
        Line {
            number: self.number,
            bytes: (!too_long).then_some(bytes),
        }
    }

    /// Share that was read, in percent, if the whole is known.
    pub(crate) fn percent(&self) -> Option<u64> {
        let size = self.size.filter(|size| *size > 0)?;
        Some(self.read.saturating_mul(100) / size)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("name", &self.name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &'static [u8], longest: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::of(Box::new(text), longest, "test", None);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.expect("read") {
            found.push((line.number, line.bytes));
        }
        found
    }

    #[tokio::test]
    async fn lines_have_numbers_and_no_ends() {
        let found = lines(b"a\r\n\nlast", 10).await;
        assert_eq!(
            found,
            [(1, Some(b"a".to_vec())), (2, Some(vec![])), (3, Some(b"last".to_vec()))]
        );
        assert_eq!(lines(b"", 10).await, []);
        assert_eq!(
            lines(b"a\n", 10).await.len(),
            1,
            "the last line end makes no further line"
        );
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_skipped_as_a_whole() {
        let found = lines(b"1234\n12345\n1", 4).await;
        assert_eq!(
            found,
            [(1, Some(b"1234".to_vec())), (2, None), (3, Some(b"1".to_vec()))]
        );
        assert_eq!(lines(b"12345", 4).await, [(1, None)]);
    }

    #[tokio::test]
    async fn a_missing_file_is_a_wrong_argument() {
        let error = Lines::open(Path::new("/nowhere"), 1).await.expect_err("missing");
        assert_eq!(
            (
                error.exit_code(),
                error.to_string().starts_with("cannot read /nowhere: ")
            ),
            (2, true)
        );
    }
}
