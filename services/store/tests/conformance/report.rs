//! Progress and chunks.

use bytes::Bytes;
use tidemill_model::{
    op::{Reported, Settle, StopRequest},
    wire::LogKind,
};

use crate::{
    conformance,
    subject::{START, Subject, output, task},
};

conformance!(
    numbered_with_the_states,
    strangers_write_nothing,
    cut_by_entries,
    cut_by_bytes
);

async fn numbered_with_the_states(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    let stored = |sequence| Reported::Stored { sequence, stop: None };
    assert_eq!(
        s.report(START + 1, token, LogKind::Progress, Bytes::from_static(b"half"))
            .await,
        stored(3)
    );
    assert_eq!(
        s.report(START + 2, token, LogKind::Chunk, Bytes::from_static(b"piece"))
            .await,
        stored(4)
    );
    s.cancel(START + 3, token.task, "x").await;
    let asked = Reported::Stored {
        sequence: 6,
        stop: Some(StopRequest::Cancel),
    };
    assert_eq!(s.report(START + 4, token, LogKind::Chunk, Bytes::new()).await, asked);
    let log = s.log(token.task).await;
    assert_eq!(
        log.iter()
            .map(|entry| (entry.sequence, entry.attempt, entry.time_ms))
            .collect::<Vec<_>>(),
        [(3, 1, START + 1), (4, 1, START + 2), (6, 1, START + 4)]
    );
    assert_eq!(s.snapshot(token.task).await.unwrap().header.version, 3);
}

async fn strangers_write_nothing(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.settle(START, token, Settle::Complete { outcome: output("x") }).await;
    assert_eq!(
        s.report(START, token, LogKind::Chunk, Bytes::new()).await,
        Reported::Lost
    );
    assert!(s.log(token.task).await.is_empty());
}

async fn cut_by_entries(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for _ in 0..8 {
        s.report(START, token, LogKind::Chunk, Bytes::from_static(b"x")).await;
    }
    let log = s.log(token.task).await;
    assert_eq!(
        log.iter().map(|entry| entry.sequence).collect::<Vec<_>>(),
        [6, 7, 8, 9, 10]
    );
    assert_eq!(s.snapshot(token.task).await.unwrap().header.first_kept, 6);
}

async fn cut_by_bytes(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for _ in 0..4 {
        s.report(START, token, LogKind::Chunk, Bytes::from_static(&[7; 80]))
            .await;
    }
    let log = s.log(token.task).await;
    assert_eq!(log.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(s.snapshot(token.task).await.unwrap().header.first_kept, 5);
}
