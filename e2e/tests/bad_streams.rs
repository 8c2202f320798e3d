//! Work streams that break the protocol: closed with the reason, while a bad message about one task does not end its stream.

use tidemill_e2e::{Cluster, Expected, Refusal};
use tidemill_proto::v1::{
    CompleteTaskRequest, Credits, Echo, Register, WorkRequest, work_request::Message, work_response::Message as Answer,
};
use tonic::Code;

/// Says these messages and listens to the end; answers with what was heard and how it ended.
async fn converse(cluster: &Cluster, said: Vec<Message>) -> (Vec<Answer>, Option<Refusal>) {
    let said: Vec<WorkRequest> = said
        .into_iter()
        .map(|message| WorkRequest { message: Some(message) })
        .collect();
    let mut heard = Vec::new();
    let mut stream = match cluster.client().worker(0).work(tokio_stream::iter(said)).await {
        Ok(stream) => stream.into_inner(),
        Err(status) => return (heard, Some(Refusal::of(&status))),
    };
    loop {
        match stream.message().await {
            Ok(Some(message)) => heard.extend(message.message),
            Ok(None) => return (heard, None),
            Err(status) => return (heard, Some(Refusal::of(&status))),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_the_protocol_is_closed_with_the_reason() {
    let mut cluster = Cluster::of(0, 1, 0).start().await;
    let register = Register {
        kinds: vec!["quick".into()],
        credits: 1,
        ..Default::default()
    };
    let violation = Expected {
        code: Code::FailedPrecondition,
        reason: "PROTOCOL_VIOLATION",
        fields: &[],
        mutating: false,
    };
    let echo = Message::Echo(Echo { number: 1 });
    let (_, end) = converse(&cluster, vec![echo]).await;
    violation.check("no registration", &end.unwrap());
    let (_, end) = converse(&cluster, vec![]).await;
    violation.check("nothing said", &end.unwrap());
    let (_, end) = converse(
        &cluster,
        vec![Message::Register(register.clone()), Message::Register(register.clone())],
    )
    .await;
    violation.check("registered twice", &end.unwrap());
    let bad = Register {
        credits: -1,
        held: vec!["x".into()],
        name: "n".repeat(129),
        ..Register::default()
    };
    let (_, end) = converse(&cluster, vec![Message::Register(bad)]).await;
    Expected::invalid(&["kinds", "credits", "held[0]", "name"])
        .reading()
        .check("a bad registration", &end.unwrap());
    let credits = Message::Credits(Credits { credits: 10_001 });
    let (_, end) = converse(&cluster, vec![Message::Register(register.clone()), credits]).await;
    Expected::invalid(&["credits"])
        .reading()
        .check("too many credits", &end.unwrap());

    // A bad message about one task is refused, and the stream goes on to its clean end.
    let complete = CompleteTaskRequest {
        lease_token: "nonsense".into(),
        output: None,
    };
    let (heard, end) = converse(&cluster, vec![Message::Register(register), Message::Complete(complete)]).await;
    assert_eq!(end, None);
    let refused = heard.iter().find_map(|answer| match answer {
        Answer::Refused(refused) => Some((refused.reason.as_str(), refused.outcome_unknown)),
        _ => None,
    });
    assert_eq!(refused, Some(("INVALID_REQUEST", false)), "{heard:?}");
    cluster.stop().await;
    cluster.check_logs(true);
}
