//! What goes into a program and comes out of it.

use std::io;

use bytes::Bytes;
use tidemill_client::{Context, Payload};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};

/// No server takes a larger output; a program that writes without end must not fill this process's memory.
pub(super) const MOST_OUTPUT: usize = 4 * 1024 * 1024;
/// The contract keeps so much of an error's message.
const MOST_MESSAGE: usize = 8 * 1024;
/// A longer line is sent in pieces. Below the contract's limit of a chunk, 64 KiB with its envelope.
const MOST_LINE: usize = 60 * 1024;

/// Writes the input and closes it. A program that does not read it all is none the worse for it.
pub(super) async fn feed(mut stdin: impl tokio::io::AsyncWrite + Unpin, input: Bytes) {
    // Only a closed pipe can go wrong here.
    let _ = stdin.write_all(&input).await;
    let _ = stdin.shutdown().await;
}

/// Everything, up to one byte more than can be stored; the rest is read and dropped, so that the program can end.
pub(super) async fn collect(mut stdout: impl AsyncRead + Unpin, output: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = stdout.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        let room = (MOST_OUTPUT + 1).saturating_sub(output.len()).min(read);
        output.extend_from_slice(piece.get(..room).unwrap_or_default());
    }
}

/// Sends each line as it comes, without its end.
pub(super) async fn stream(stdout: impl AsyncRead + Unpin, task: &Context) -> io::Result<()> {
    let mut lines = BufReader::with_capacity(MOST_LINE, stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(MOST_LINE as u64).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        task.chunk(text_or_bytes(std::mem::take(&mut line)))
            .await
            .map_err(io::Error::other)?;
    }
}

/// Passes stderr on and keeps its end.
pub(super) async fn pass_on(stderr: impl AsyncRead + Unpin, tail: &mut Vec<u8>) -> io::Result<()> {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut lines).take(MOST_LINE as u64).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        // Whole lines, so that those of several programs do not mix. A closed stderr is no reason to fail a task.
        let _ = io::Write::write_all(&mut io::stderr(), &line);
        tail.extend_from_slice(&line);
        let surplus = tail.len().saturating_sub(MOST_MESSAGE);
        tail.drain(..surplus);
    }
}

/// Text if it is UTF-8, else bytes.
pub(super) fn text_or_bytes(data: Vec<u8>) -> Payload {
    match String::from_utf8(data) {
        Ok(text) => Payload::text(text),
        Err(error) => Payload::bytes(error.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endless_output_is_cut_where_it_is_too_large_anyway() {
        let mut output = Vec::new();
        let endless = tokio::io::repeat(b'x').take(10 * 1024 * 1024);
        collect(endless, &mut output).await.expect("read");
        assert_eq!(output.len(), MOST_OUTPUT + 1);
    }

    #[tokio::test]
    async fn the_end_of_stderr_is_kept() {
        let mut tail = Vec::new();
        let text = (0..2_000).map(|line| format!("line {line}\n")).collect::<String>();
        pass_on(text.as_bytes(), &mut tail).await.expect("read");
        assert!(tail.len() <= MOST_MESSAGE && tail.ends_with(b"line 1999\n"));
    }

    #[test]
    fn text_if_it_can_be() {
        assert_eq!(text_or_bytes(b"a".to_vec()), Payload::text("a"));
        assert_eq!(text_or_bytes(vec![0xff]), Payload::bytes(vec![0xff]));
    }
}
