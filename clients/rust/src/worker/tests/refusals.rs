//! A refusal names what it refuses, so that a settle is not said again because of a report, nor given up because of one.

use tidemill_proto::v1::{MessageKind, Refused};

use super::*;

const CALM: Duration = Duration::from_secs(3_600);

impl Stream {
    fn refuse(&self, kind: MessageKind) {
        self.say(Answer::Refused(Refused {
            lease_token: "a".to_owned(),
            reason: "INVALID_REQUEST".to_owned(),
            message: "m".to_owned(),
            outcome_unknown: false,
            kind: kind.into(),
        }));
    }
}

/// A handler that reports, and has completed: both were said and not answered.
async fn reported() -> (Role, Stream, Running) {
    let mut role = Role::start().await;
    let worker = run(role.worker().handle("work", async |task: Context| {
        task.progress(0.5, "half");
        Ok("out")
    }));
    let mut stream = role.registered(CALM).await;
    stream.assign("a");
    assert!(matches!(stream.next().await, Message::Progress(_)));
    assert!(matches!(stream.next().await, Message::Complete(_)));
    (role, stream, worker)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_is_refused_fails_at_once() {
    let (_role, mut stream, worker) = reported().await;
    stream.refuse(MessageKind::Complete);
    assert!(matches!(stream.next().await, Message::Fail(fail) if fail.permanent));
    assert_eq!(worker.count(|event| matches!(event, WorkerEvent::Refused { .. })), 1);
    // Of the complete, said twice: the failure's own answer is still to come.
    stream.refuse(MessageKind::Complete);
    stream.refuse(MessageKind::Fail);
    until("it is given up", || {
        worker.count(|event| matches!(event, WorkerEvent::Refused { .. })) == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_refused_leaves_the_settle_alone() {
    let (_role, mut stream, worker) = reported().await;
    stream.refuse(MessageKind::Progress);
    // Said again, it would come within the first backoff, 100 ms at most.
    let said = timeout(Duration::from_millis(500), stream.requests.message()).await;
    assert!(said.is_err(), "{said:?}");
    assert_eq!(worker.count(|event| matches!(event, WorkerEvent::Refused { .. })), 0);
}

/// A server that does not say what it refuses: the settle is said again, which is harmless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_kind_it_may_have_been_the_report() {
    let (_role, mut stream, _worker) = reported().await;
    stream.refuse(MessageKind::Unspecified);
    assert!(matches!(stream.next().await, Message::Complete(_)));
    stream.refuse(MessageKind::Unspecified);
    assert!(matches!(stream.next().await, Message::Fail(fail) if fail.permanent));
}
