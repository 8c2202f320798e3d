use std::sync::Mutex;

use tidemill_proto::v1::{TaskState, Truncated};
use tonic::Code;

use super::*;
use crate::{
    OutputFormat,
    testing::{self, TestServer, ended, info, running, status},
};

const RESUME: Resume = Resume {
    give_up_after: Duration::from_secs(5),
};

struct Seen {
    sequences: Vec<i64>,
    end: Result<(), Error>,
    notes: Vec<String>,
    cursors: Vec<i64>,
}

async fn watch(scripts: Vec<testing::Script>, after: i64, resume: Resume) -> Seen {
    let server = TestServer::start(scripts).await;
    let client = Client::new(&ClientOptions::for_url(&server.url)).expect("client");
    let mut watch = Watch::new(&client, "T1", after, resume);
    let notes = Mutex::new(Vec::new());
    let mut sequences = Vec::new();
    let end = loop {
        match watch
            .next(|note| notes.lock().expect("lock").push(note.to_owned()))
            .await
        {
            Ok(Some(event)) => sequences.push(event.sequence),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let cursors = server.memory().cursors.clone();
    Seen {
        sequences,
        end,
        notes: notes.into_inner().expect("lock"),
        cursors,
    }
}

#[tokio::test]
async fn resumes_after_the_last_event_and_ends_with_the_result() {
    let scripts = vec![
        vec![
            Ok(running(1)),
            Ok(running(2)),
            Err(status(Code::Unavailable, "draining", vec![])),
        ],
        // Ends without a result, after an event that was seen already.
        vec![Ok(running(2)), Ok(running(3))],
        vec![Ok(ended(4, TaskState::Succeeded)), Ok(running(5))],
    ];
    let seen = watch(scripts, 0, RESUME).await;
    assert!(seen.end.is_ok(), "{:?}", seen.end);
    assert_eq!((seen.sequences, seen.cursors), (vec![1, 2, 3, 4], vec![0, 2, 3]));
    assert_eq!(seen.notes.len(), 2, "{:?}", seen.notes);
    assert!(seen.notes[0].contains("after event 2"), "{:?}", seen.notes);
}

#[tokio::test]
async fn the_result_comes_even_if_the_cursor_is_its_number() {
    let seen = watch(vec![vec![Ok(ended(4, TaskState::Failed))]], 4, RESUME).await;
    assert!(seen.end.is_ok());
    assert_eq!((seen.sequences, seen.cursors), (vec![4], vec![4]));
}

#[tokio::test]
async fn a_hole_is_an_error_unless_the_server_names_it() {
    let cut = testing::event(
        5,
        Event::Truncated(Truncated {
            from_sequence: 2,
            to_sequence: 5,
        }),
    );
    let seen = watch(
        vec![vec![Ok(running(1)), Ok(cut), Ok(ended(6, TaskState::Succeeded))]],
        0,
        RESUME,
    )
    .await;
    assert!(seen.end.is_ok());
    assert_eq!(seen.sequences, [1, 5, 6]);
    let seen = watch(vec![vec![Ok(running(1)), Ok(running(3))]], 0, RESUME).await;
    assert!(matches!(seen.end, Err(Error::Contract(_))), "{:?}", seen.end);
}

#[tokio::test]
async fn a_refusal_ends_it_at_once() {
    let refusal = status(Code::NotFound, "no such task", vec![info("TASK_NOT_FOUND", &[])]);
    let seen = watch(vec![vec![Err(refusal)]], 0, RESUME).await;
    assert_eq!(seen.end.expect_err("refused").exit_code(), 3);
    assert_eq!(seen.cursors.len(), 1);
}

#[tokio::test]
async fn gives_up_in_time_and_says_how_to_go_on() {
    let resume = Resume {
        give_up_after: Duration::from_millis(150),
    };
    let seen = watch(vec![vec![Ok(running(1))]], 0, resume).await;
    let error = seen.end.expect_err("nobody answers any more");
    assert!(
        error.to_string().ends_with("go on with `tidemill watch T1 --after 1`"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 5);
}

#[tokio::test]
async fn the_state_of_the_result_is_the_outcome() {
    let server = TestServer::start(vec![vec![Ok(running(1)), Ok(ended(2, TaskState::Cancelled))]]).await;
    let client = Client::new(&ClientOptions::for_url(&server.url)).expect("client");
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, OutputFormat::Text, false, false);
    let outcome = follow(&mut Watch::new(&client, "T1", 0, RESUME), &mut printer)
        .await
        .expect("followed");
    assert_eq!(outcome, Outcome::NotSucceeded);
    assert_eq!(String::from_utf8_lossy(&out), "#1 RUNNING attempt 1\n#2 CANCELLED\n");
}
