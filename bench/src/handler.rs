//! A handler process: takes tasks of the kind [`KIND`] over Work streams and completes each at once with 100 bytes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tidemill_proto::v1::{
    self, WorkRequest, work_request::Message, work_response, worker_service_client::WorkerServiceClient,
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::transport::Channel;

use crate::{
    args::HandlerArgs,
    gate,
    load::{Inputs, KIND, connect},
};

/// What all streams of a handler share.
pub(crate) struct Work {
    /// Tasks that the store has settled.
    pub(crate) settled: AtomicUsize,
    /// Called whenever one was.
    pub(crate) progress: Notify,
    held: AtomicUsize,
    hold: usize,
    held_all: Notify,
    let_go: Notify,
}

impl Work {
    pub(crate) fn new(hold: usize) -> Arc<Self> {
        Arc::new(Self {
            settled: AtomicUsize::new(0),
            progress: Notify::new(),
            held: AtomicUsize::new(0),
            hold,
            held_all: Notify::new(),
            let_go: Notify::new(),
        })
    }
}

/// Serves until it is ended. With `hold` it takes so many tasks, reports, completes them when told, and reports again.
pub(crate) async fn run(args: HandlerArgs) {
    let channel = connect(&args.worker).await;
    let work = Work::new(args.hold);
    for _ in 0..args.streams {
        tokio::spawn(serve(channel.clone(), Arc::clone(&work), args.credits));
    }
    gate::ready().await;
    if args.hold > 0 {
        work.held_all.notified().await;
        gate::say("held");
        gate::line().await;
        work.let_go.notify_waiters();
        while work.settled.load(Ordering::Relaxed) < args.hold {
            work.progress.notified().await;
        }
        gate::say("settled");
    }
    gate::line().await;
}

/// One Work stream, until it breaks.
pub(crate) async fn serve(channel: Channel, work: Arc<Work>, credits: i32) {
    let mut client = WorkerServiceClient::new(channel);
    let (sender, receiver) = mpsc::unbounded_channel();
    let send = |message| {
        let message = WorkRequest { message: Some(message) };
        sender.send(message).expect("the stream is open");
    };
    send(Message::Register(v1::Register {
        kinds: vec![KIND.into()],
        credits,
        name: "bench".into(),
        ..Default::default()
    }));
    let mut stream = client
        .work(UnboundedReceiverStream::new(receiver))
        .await
        .expect("a stream")
        .into_inner();
    let mut outputs = Inputs::new();
    let mut complete = |lease_token| {
        Message::Complete(v1::CompleteTaskRequest {
            lease_token,
            output: Some(v1::Payload {
                content: Some(v1::payload::Content::Data(outputs.next())),
                ..Default::default()
            }),
        })
    };
    let mut kept = Vec::new();
    loop {
        let let_go = async {
            if kept.is_empty() {
                std::future::pending().await
            } else {
                work.let_go.notified().await
            }
        };
        let message = tokio::select! {
            message = stream.next() => message,
            () = let_go => {
                kept.drain(..).for_each(|token| send(complete(token)));
                continue;
            }
        };
        let message = message.expect("the stream goes on").expect("no error");
        match message.message.expect("a message") {
            work_response::Message::Assignments(assignments) if work.hold == 0 => {
                assignments
                    .assignments
                    .into_iter()
                    .for_each(|one| send(complete(one.lease_token)));
            }
            work_response::Message::Assignments(assignments) => {
                let held = work.held.fetch_add(assignments.assignments.len(), Ordering::Relaxed);
                if held + assignments.assignments.len() >= work.hold {
                    work.held_all.notify_one();
                }
                kept.extend(assignments.assignments.into_iter().map(|one| one.lease_token));
            }
            work_response::Message::Settled(_) => {
                work.settled.fetch_add(1, Ordering::Relaxed);
                work.progress.notify_one();
            }
            work_response::Message::Ping(ping) => send(Message::Echo(v1::Echo { number: ping.number })),
            work_response::Message::Registered(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}
