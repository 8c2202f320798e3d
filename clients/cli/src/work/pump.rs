//! What goes into a program and comes out of it.
//!
//! A pipe ends when nobody holds it any more, and something that the program left behind may hold it for ever. So after the program's end a
//! pipe that has been quiet for a second counts as ended. Only the waiting is bounded: what was read is handed on, however long that takes.

use std::{
    fs::File,
    io::{self, Seek, Write as _},
    process::Stdio,
    time::Duration,
};

use tidemill_client::{Context, Payload};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    sync::watch,
    time::timeout,
};

/// No server takes a larger output; a program that writes without end must not fill this process's memory.
pub(super) const MOST_OUTPUT: usize = 4 * 1024 * 1024;
/// The contract keeps so much of an error's message.
const MOST_MESSAGE: usize = 8 * 1024;
/// A longer line is sent in pieces. Below the contract's limit of a chunk, 64 KiB with its envelope.
const MOST_LINE: usize = 60 * 1024;
const QUIET: Duration = Duration::from_secs(1);

/// True once the program has ended.
type Ended = watch::Receiver<bool>;

/// A read; `None`: the program has ended, and nothing came for a while.
async fn read<T>(reading: impl Future<Output = T>, ended: &Ended) -> Option<T> {
    let mut reading = std::pin::pin!(reading);
    let mut ended = ended.clone();
    tokio::select! {
        done = &mut reading => return Some(done),
        _ = ended.wait_for(|ended| *ended) => {}
    }
    timeout(QUIET, reading).await.ok()
}

/// The input as a file without a name, not as a pipe: should this process be killed, the program still reads all of it, where the end of a
/// pipe would look like the end of a shorter input.
pub(super) fn input(data: &[u8]) -> io::Result<Stdio> {
    let mut file = nameless()?;
    file.write_all(data)?;
    file.rewind()?;
    Ok(file.into())
}

/// In memory, so that it needs no writable folder.
#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("tidemill-input", MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    tempfile::tempfile()
}

/// Everything, up to one byte more than can be stored; the rest is read and dropped, so that the program can end.
pub(super) async fn collect(mut stdout: impl AsyncRead + Unpin, output: &mut Vec<u8>, ended: Ended) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Some(read) = read(stdout.read(&mut piece), &ended).await else {
            return Ok(());
        };
        let read = read?;
        if read == 0 {
            return Ok(());
        }
        let room = (MOST_OUTPUT + 1).saturating_sub(output.len()).min(read);
        output.extend_from_slice(piece.get(..room).unwrap_or_default());
    }
}

/// Sends each line as it comes, without its end.
pub(super) async fn stream(stdout: impl AsyncRead + Unpin, task: &Context, ended: Ended) -> io::Result<()> {
    let mut lines = BufReader::with_capacity(MOST_LINE, stdout);
    let mut line = Vec::new();
    loop {
        let went_on = next_line(&mut lines, &mut line, &ended).await?;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.is_empty() {
            return Ok(());
        }
        let piece = text_or_bytes(std::mem::take(&mut line));
        task.chunk(piece).await.map_err(io::Error::other)?;
        if !went_on {
            return Ok(());
        }
    }
}

/// Passes stderr on and keeps its end.
pub(super) async fn pass_on(stderr: impl AsyncRead + Unpin, tail: &mut Vec<u8>, ended: Ended) -> io::Result<()> {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut ours = tokio::io::stderr();
    loop {
        let went_on = next_line(&mut lines, &mut line, &ended).await?;
        // Whole lines, so that those of several programs do not mix. A closed stderr is no reason to fail a task.
        let _ = ours.write_all(&line).await;
        let _ = ours.flush().await;
        tail.extend_from_slice(&line);
        let surplus = tail.len().saturating_sub(MOST_MESSAGE);
        tail.drain(..surplus);
        if !went_on || line.is_empty() {
            return Ok(());
        }
        line.clear();
    }
}

/// The next line with its end, or a piece of a long one; empty at the end. False: no more is waited for, and this is what there was.
async fn next_line(lines: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>, ended: &Ended) -> io::Result<bool> {
    let mut limited = lines.take(MOST_LINE as u64);
    // What was read before a timeout is in the line already.
    match read(limited.read_until(b'\n', line), ended).await {
        Some(read) => read.map(|_| true),
        None => Ok(false),
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

    fn running() -> (watch::Sender<bool>, Ended) {
        watch::channel(false)
    }

    #[tokio::test]
    async fn an_endless_output_is_cut_where_it_is_too_large_anyway() {
        let mut output = Vec::new();
        let endless = tokio::io::repeat(b'x').take(10 * 1024 * 1024);
        collect(endless, &mut output, running().1).await.expect("read");
        assert_eq!(output.len(), MOST_OUTPUT + 1);
    }

    #[tokio::test]
    async fn the_end_of_stderr_is_kept() {
        let mut tail = Vec::new();
        let text = (0..2_000).map(|line| format!("line {line}\n")).collect::<String>();
        pass_on(text.as_bytes(), &mut tail, running().1).await.expect("read");
        assert!(tail.len() <= MOST_MESSAGE && tail.ends_with(b"line 1999\n"));
    }

    #[tokio::test]
    async fn a_pipe_that_somebody_else_holds_does_not_keep_the_end_away() {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let (ended, hear) = running();
        theirs.write_all(b"last words").await.expect("written");
        ended.send(true).expect("heard");
        let mut output = Vec::new();
        collect(ours, &mut output, hear).await.expect("read");
        assert_eq!(output, b"last words");
        drop(theirs);
    }

    #[test]
    fn text_if_it_can_be() {
        assert_eq!(text_or_bytes(b"a".to_vec()), Payload::text("a"));
        assert_eq!(text_or_bytes(vec![0xff]), Payload::bytes(vec![0xff]));
    }
}
