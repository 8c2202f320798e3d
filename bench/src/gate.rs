//! How the rig and its children take turns, over stdin and stdout.
//!
//! ```text
//!  child: ready ──▶ rig: looks at the clocks of all processes, says go ──▶ child: works, reports ──▶ rig: looks again, hangs up
//! ```

use std::io::Write;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};

/// What a child says when it has connected and warmed up.
pub(crate) const READY: &str = "ready";

/// Says that all is prepared and waits for the go.
pub(crate) async fn ready() {
    say(READY);
    line().await;
}

/// Reports, and stays until the rig hangs up, so that what it holds open stays open.
pub(crate) async fn report(figures: &impl Serialize) {
    say(&serde_json::to_string(figures).expect("figures are JSON"));
    line().await;
}

/// Tells the rig a line.
pub(crate) fn say(text: &str) {
    println!("{text}");
    std::io::stdout().flush().expect("the rig listens");
}

/// Waits for a line, or for the end.
pub(crate) async fn line() {
    let mut line = String::new();
    BufReader::new(tokio::io::stdin())
        .read_line(&mut line)
        .await
        .expect("stdin");
}
