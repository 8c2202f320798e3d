//! The commands of docs/tutorial.md, run as written, against a `tidemill dev` of the test's own.
//!
//! A block marked `sh` is run by bash and must end well; `sh fails` must not; `sh background` runs to the end of the tutorial and must then drain
//! in order; `sh beside` runs in the folder that holds the clone; `sh setup` is what the test does in its own way (clone, build, start). A
//! `text` block after it lists lines that must come, in any order; `…` stands for anything. A `rust` block must be the file it names.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tidemill_e2e::{LIMIT, Process, binary, free_port, get, until};

const BUILD: Duration = Duration::from_secs(600);

/// One fenced block.
#[derive(Debug)]
struct Block {
    language: String,
    marks: Vec<String>,
    text: String,
}

impl Block {
    fn has(&self, mark: &str) -> bool {
        self.marks.iter().any(|found| found == mark)
    }
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in markdown.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                open = Some(Block {
                    language: words.next().unwrap_or_default(),
                    marks: words.collect(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

/// True if the line is the pattern, in which `…` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

/// The user of the tutorial.
struct Reader {
    folder: PathBuf,
    url: String,
    path: String,
    background: Vec<Process>,
}

impl Reader {
    fn bash(&self, block: &Block) -> Command {
        let here = self.folder.join("here");
        let start = if block.has("beside") {
            self.folder.clone()
        } else {
            fs::read_to_string(&here).map_or(self.folder.join("tidemill-shell"), |path| PathBuf::from(path.trim()))
        };
        let mut command = Command::new("bash");
        let script = if block.has("background") {
            format!("exec {}", block.text)
        } else {
            format!("{}pwd > {}\n", block.text, here.display())
        };
        command.args(["-euo", "pipefail", "-c", &script]).current_dir(start);
        command
            .env("TIDEMILL_URL", &self.url)
            .env("PATH", &self.path)
            .env("CARGO_TARGET_DIR", repository().join("target"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, block: &Block) -> String {
        let log = self.folder.join("output");
        let output = fs::File::create(&log).expect("a file");
        let mut command = self.bash(block);
        command.stdout(output.try_clone().expect("a handle")).stderr(output);
        let status = command.status().expect("bash");
        let said = fs::read_to_string(&log).expect("what it said");
        assert_eq!(
            status.success(),
            !block.has("fails"),
            "{status}\n{}\n{said}",
            block.text
        );
        said
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

#[expect(clippy::disallowed_methods, reason = "what a shell of the reader's would have")]
fn search_path() -> String {
    std::env::var("PATH").expect("a PATH")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_runs_as_written() {
    let text = fs::read_to_string(repository().join("docs/tutorial.md")).expect("the tutorial");
    let folder = tempfile::Builder::new()
        .prefix("tidemill-tutorial-")
        .tempdir()
        .expect("a folder");
    fs::create_dir(folder.path().join("tidemill-shell")).expect("a folder");
    std::os::unix::fs::symlink(repository(), folder.path().join("tidemill")).expect("a link");
    let (port, admin) = (free_port(), free_port());
    let tidemill = binary("tidemill");
    let mut dev = Command::new(&tidemill);
    let setting = |key: &str, port: u16| ["--set".to_owned(), format!("{key}=127.0.0.1:{port}")];
    dev.arg("dev").arg("--data").arg(folder.path().join("data"));
    dev.arg("--redis-server").arg(tidemill_test_server::binary());
    dev.args(setting("gateway.listen", port))
        .args(setting("gateway.admin_listen", admin));
    let mut dev = Process::spawn("dev", dev, &folder.path().join("dev.log"));
    until("dev is ready", LIMIT, async || {
        matches!(get(admin, "/readyz").await, Ok((200, _))).then_some(())
    })
    .await;

    let path = format!("{}:{}", tidemill.parent().expect("a folder").display(), search_path());
    let mut reader = Reader {
        folder: folder.path().to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        path,
        background: Vec::new(),
    };
    let mut said = String::new();
    let mut compared = 0;
    for block in blocks(&text) {
        match block.language.as_str() {
            "sh" if block.has("setup") => said.clear(),
            "sh" if block.has("background") => {
                let name = block.marks.last().expect("a name").clone();
                let log = reader.folder.join(format!("{name}.log"));
                let process = Process::spawn(&name, reader.bash(&block), &log);
                reader.background.push(process);
            }
            "sh" => said = tokio::task::block_in_place(|| reader.run(&block)),
            "text" => {
                for pattern in block.text.lines() {
                    let found = said.lines().any(|line| matches(pattern, line));
                    assert!(found, "`{pattern}` did not come; this did:\n{said}");
                    compared += 1;
                }
            }
            "rust" => {
                let file = block.marks.first().expect("a file");
                let code = fs::read_to_string(repository().join(file)).expect("the file");
                assert_eq!(block.text, code, "the tutorial shows another {file}");
            }
            other => panic!("a block of `{other}`"),
        }
    }
    assert!(compared > 25, "{compared} lines were compared");
    for process in &mut reader.background {
        process.signal("INT");
        let status = process.wait(BUILD).await;
        assert_eq!(status.code(), Some(0), "Ctrl-C drains: {}", process.log());
    }
    dev.signal("INT");
    assert_eq!(dev.wait(LIMIT).await.code(), Some(0));
}

#[test]
fn a_pattern_can_fail() {
    assert!(matches("0…", "0199") && matches("…x…", "axb") && matches("a", "a") && matches("#… END", "#3 END"));
    assert!(!matches("0…", "199") && !matches("…x…", "ab") && !matches("a", "ab") && !matches("#… END", "#3 END."));
}
