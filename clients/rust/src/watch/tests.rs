use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tidemill_proto::v1::TaskEvent;
use tonic::{Code, Status};

use super::*;
use crate::testing::{Script, TestServer, ended, info, running, status};

async fn numbers(scripts: Vec<Script<TaskEvent>>, after: i64) -> (Vec<Result<i64, Error>>, Vec<i64>, usize) {
    let server = TestServer::start().await;
    server.memory().scripts = scripts.into();
    let breaks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&breaks);
    let watch = Client::new(&server.url).expect("client").watch("T1").after(after);
    let watch = watch.on_break(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let found = watch.map(|event| event.map(|event| event.sequence)).collect().await;
    let cursors = server.memory().cursors.clone();
    (found, cursors, breaks.load(Ordering::Relaxed))
}

#[tokio::test]
async fn goes_on_after_the_last_event_through_every_kind_of_break() {
    let scripts = vec![
        vec![Ok(running(1)), Err(Status::unavailable("gone"))],
        vec![],
        vec![Ok(running(2)), Ok(running(2)), Ok(running(3))],
        vec![Err(Status::internal("no reason given"))],
        vec![Ok(ended(4))],
    ];
    let (found, cursors, breaks) = numbers(scripts, 0).await;
    let found: Vec<i64> = found.into_iter().map(|number| number.expect("an event")).collect();
    assert_eq!((found, cursors, breaks), (vec![1, 2, 3, 4], vec![0, 1, 1, 3, 3], 4));
}

#[tokio::test]
async fn a_considered_refusal_ends_it() {
    let refusal = || status(Code::NotFound, "m", vec![info("TASK_NOT_FOUND", &[])]);
    let (found, cursors, breaks) = numbers(vec![vec![Err(refusal())]], 0).await;
    assert_eq!((found.len(), cursors.len(), breaks), (1, 1, 0));
    assert_eq!(found[0].as_ref().expect_err("refused").reason_name(), "TASK_NOT_FOUND");
}

#[tokio::test]
async fn a_hole_in_the_numbers_is_an_error() {
    let (found, ..) = numbers(vec![vec![Ok(running(1)), Ok(running(3))]], 0).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].as_ref().expect_err("a hole").kind(), ErrorKind::Contract);
}

#[tokio::test]
async fn the_result_comes_even_behind_the_cursor() {
    let (found, cursors, _) = numbers(vec![vec![Ok(ended(4))]], 4).await;
    assert_eq!((found.len(), cursors), (1, vec![4]));
}

#[tokio::test]
async fn gives_up_where_nobody_ever_answered() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("port");
    let timeout = Duration::from_millis(300);
    let client = Client::builder(address.to_string())
        .timeout(timeout)
        .build()
        .expect("client");
    let error = client
        .watch("T1")
        .next()
        .await
        .expect("an item")
        .expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}

#[tokio::test]
async fn before_the_first_stream_the_tries_count_and_nobody_hears_of_them() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("port");
    let client = Client::builder(address.to_string())
        .max_tries(2)
        .build()
        .expect("client");
    let breaks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&breaks);
    let mut watch = client.watch("T1").on_break(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let begun = Instant::now();
    let error = watch.next().await.expect("an item").expect_err("nobody is there");
    assert_eq!(
        (error.kind(), breaks.load(Ordering::Relaxed)),
        (ErrorKind::Unreachable, 0)
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "not as long as the timeout");
}
