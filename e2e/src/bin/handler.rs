//! A handler process, written from the contract alone, with nothing but generated stubs: what a user writes in any language.
//!
//! It registers, runs what it is assigned, echoes pings, and settles. If the stream breaks it goes to the next worker address, names
//! what it still holds, and says again every settle that was not answered. SIGTERM: no more credits, what runs may finish within the
//! grace, the rest is released, half-close. Everything worth checking goes to a journal, one line each, before it happens.

#[path = "handler/journal.rs"]
mod journal;
#[path = "handler/kinds.rs"]
mod kinds;
#[path = "handler/options.rs"]
mod options;
#[path = "handler/session.rs"]
mod session;

use std::{process::ExitCode, time::Duration};

use session::{End, Handler};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(options) = options::Options::parse(std::env::args().skip(1)) else {
        eprintln!("{}", options::USAGE);
        return ExitCode::from(64);
    };
    let mut term = match signal(SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            eprintln!("no signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut handler = Handler::new(&options);
    for url in options.workers.iter().cycle() {
        match handler.session(url, &mut term).await {
            Ok(End::Drained) => return ExitCode::SUCCESS,
            Ok(End::Closed) => eprintln!("{url}: closed by the server"),
            Err(status) => eprintln!("{url}: {status}"),
        }
        if handler.is_drained() {
            return ExitCode::SUCCESS;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ExitCode::FAILURE
}
