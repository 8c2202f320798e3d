//! What a power cut leaves of Redis's append-only file: what the disk had acknowledged, or that and a torn piece of what came after.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    faults::{Report, resume},
    world::World,
};

/// The file that Redis appends to: `appendonlydir/*.incr.aof`, the one with the highest number.
fn incremental(directory: &Path) -> PathBuf {
    let folder = directory.join("appendonlydir");
    let entries = fs::read_dir(&folder).expect("Redis writes an append-only file");
    let names = entries.flatten().map(|entry| entry.path());
    let number = |path: &PathBuf| -> Option<u32> {
        let name = path.file_name()?.to_str()?;
        name.strip_suffix(".incr.aof")?.rsplit_once('.')?.1.parse().ok()
    };
    let newest = names.filter_map(|path| Some((number(&path)?, path))).max();
    newest.expect("an incremental file").1
}

/// Cuts off a transaction that is not whole, as `redis-check-aof --fix` does. Redis 7.0 itself cuts a torn file after the last whole command,
/// be it in the middle of a transaction; what is appended afterwards then completes that half, and the next start applies it: a record of
/// one time with the header of another. This rig found it.
pub(crate) fn mend(directory: &Path) {
    let file = incremental(directory);
    let bytes = fs::read(&file).expect("the file is read");
    let whole = whole_transactions(&bytes);
    if whole < bytes.len() {
        let open = OpenOptions::new().write(true).open(&file).expect("the file opens");
        open.set_len(whole as u64).expect("the file is cut");
    }
}

/// Bytes up to the last command that is whole and not inside of a transaction.
fn whole_transactions(bytes: &[u8]) -> usize {
    let (mut at, mut good, mut inside) = (0, 0, false);
    while let Some((name, next)) = command(bytes, at) {
        inside = match name {
            b"MULTI" => true,
            b"EXEC" => false,
            _ => inside,
        };
        at = next;
        if !inside {
            good = at;
        }
    }
    good
}

/// The name of the command that begins there, and where the next one does.
fn command(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (count, mut at) = number(bytes, at, b'*')?;
    let mut name: &[u8] = b"";
    for argument in 0..count {
        let (length, begin) = number(bytes, at, b'$')?;
        let value = bytes.get(begin..begin + length)?;
        at = begin + length + 2;
        if bytes.get(at - 2..at) != Some(b"\r\n") {
            return None;
        }
        if argument == 0 {
            name = value;
        }
    }
    Some((name, at))
}

/// The number after this mark, and where its line ends.
fn number(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.iter().take(24).position(|byte| *byte == b'\n')?;
    let text = line.get(..end)?.strip_prefix(&[mark])?.strip_suffix(b"\r")?;
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some((number, at + end + 1))
}

/// Kills Redis and cuts its file back to what was on the disk at the start of the last fdatasync that came back.
pub(crate) async fn cut(world: &World) -> Report {
    let mut redis = world.redis.lock().await;
    redis.kill();
    let file = incremental(redis.directory());
    let size = fs::metadata(&file).expect("the file is there").len();
    let synced = world.redis_control.synced(&file).unwrap_or(0).min(size);
    let open = OpenOptions::new().write(true).open(&file).expect("the file opens");
    open.set_len(synced).expect("the file is cut");
    resume(&mut redis);
    // The shim sees the file anew: what is there now was on the disk.
    Report {
        pid: None,
        note: format!("{} bytes lost", size - synced),
    }
}

/// Kills Redis and leaves half a command at the end of its file, which nobody was told of.
pub(crate) async fn tear(world: &World) -> Report {
    let mut redis = world.redis.lock().await;
    redis.kill();
    let file = incremental(redis.directory());
    let mut open = OpenOptions::new().append(true).open(&file).expect("the file opens");
    open.write_all(b"*3\r\n$3\r\nSET\r\n$9\r\nhalf-a-k")
        .expect("the piece is written");
    // Not mended: this is for Redis to do.
    tokio::task::block_in_place(|| redis.resume());
    Report {
        pid: None,
        note: "24 bytes torn".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::whole_transactions;

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n1\r\n2\r\n";
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

    #[test]
    fn a_half_transaction_goes_and_whole_ones_stay() {
        let whole = [SET, MULTI, SET, SET, EXEC].concat();
        assert_eq!(whole_transactions(&whole), whole.len());
        for cut in [
            [&whole, MULTI].concat(),
            [&whole, MULTI, SET].concat(),
            [&whole, MULTI, SET, &SET[..9]].concat(),
            [&whole, &SET[..9]].concat(),
        ] {
            assert_eq!(whole_transactions(&cut), whole.len());
        }
        assert_eq!(whole_transactions(b""), 0);
    }
}
