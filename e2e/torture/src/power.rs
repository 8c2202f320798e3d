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
    resume(&mut redis);
    Report {
        pid: None,
        note: "24 bytes torn".to_owned(),
    }
}
