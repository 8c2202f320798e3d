//! The generated stubs, with the retries that a careful client makes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tidemill_proto::v1::{
    EnqueueRequest, EnqueueResponse, GetQueueRequest, GetResultRequest, GetResultResponse, GetTaskRequest, Payload,
    Queue, Task, admin_service_client::AdminServiceClient, gateway_service_client::GatewayServiceClient,
    payload::Content, results_service_client::ResultsServiceClient, worker_service_client::WorkerServiceClient,
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

use crate::{errors::is_retryable, wait::LIMIT};

/// A client of every role, with all the replicas' addresses. Channels connect when needed, and again after a loss.
#[derive(Debug, Clone)]
pub struct Client {
    gateways: Vec<Channel>,
    workers: Vec<Channel>,
    results: Vec<Channel>,
    turn: Arc<AtomicUsize>,
    retries: Arc<AtomicUsize>,
}

impl Client {
    /// A client of the replicas at these ports.
    #[must_use]
    pub fn new(gateways: &[u16], workers: &[u16], results: &[u16]) -> Self {
        let channels = |ports: &[u16]| ports.iter().copied().map(channel).collect();
        Self {
            gateways: channels(gateways),
            workers: channels(workers),
            results: channels(results),
            turn: Arc::default(),
            retries: Arc::default(),
        }
    }

    /// How often it had to say something again, clones included: whether a fault hit anybody.
    #[must_use]
    pub fn retries(&self) -> usize {
        self.retries.load(Ordering::Relaxed)
    }

    /// The gateway with this number, counted round.
    #[must_use]
    pub fn gateway(&self, number: usize) -> GatewayServiceClient<Channel> {
        GatewayServiceClient::new(pick(&self.gateways, number))
    }

    /// The worker with this number, counted round.
    #[must_use]
    pub fn worker(&self, number: usize) -> WorkerServiceClient<Channel> {
        WorkerServiceClient::new(pick(&self.workers, number))
    }

    /// The results replica with this number, counted round.
    #[must_use]
    pub fn results(&self, number: usize) -> ResultsServiceClient<Channel> {
        ResultsServiceClient::new(pick(&self.results, number))
    }

    /// AdminService of the gateway with this number, counted round.
    #[must_use]
    pub fn admin(&self, number: usize) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(pick(&self.gateways, number))
    }

    /// Enqueues, at a gateway in turn, and says it again there and elsewhere until it is known to be stored: the request needs an
    /// idempotency key.
    pub async fn enqueue(&self, request: EnqueueRequest) -> EnqueueResponse {
        assert!(
            !request.idempotency_key.is_empty(),
            "a retry without a key would make a second task"
        );
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let call = |attempt| {
            let (mut gateway, request) = (self.gateway(first + attempt), limited(request.clone()));
            async move { gateway.enqueue(request).await }
        };
        self.retry("Enqueue", call).await
    }

    /// The task as AdminService shows it.
    pub async fn task(&self, task_id: &str) -> Task {
        let request = GetTaskRequest {
            task_id: task_id.to_owned(),
        };
        let call = |attempt| {
            let (mut admin, request) = (self.admin(attempt), limited(request.clone()));
            async move { admin.get_task(request).await }
        };
        self.retry("GetTask", call)
            .await
            .task
            .expect("GetTask answers with a task")
    }

    /// The queue as AdminService shows it.
    pub async fn queue(&self, queue: &str) -> Queue {
        let request = GetQueueRequest {
            queue: queue.to_owned(),
        };
        let call = |attempt| {
            let (mut admin, request) = (self.admin(attempt), limited(request.clone()));
            async move { admin.get_queue(request).await }
        };
        self.retry("GetQueue", call)
            .await
            .queue
            .expect("GetQueue answers with a queue")
    }

    /// The same, asked once; `None`: no task was ever enqueued to it, or nobody answered.
    pub async fn queue_if_known(&self, queue: &str) -> Option<Queue> {
        let request = GetQueueRequest {
            queue: queue.to_owned(),
        };
        let answer = self.admin(0).get_queue(limited(request)).await;
        answer.ok()?.into_inner().queue
    }

    /// Waits for the task's end with long polls, at the results replicas in turn.
    pub async fn result(&self, task_id: &str) -> GetResultResponse {
        let begun = Instant::now();
        let request = GetResultRequest {
            task_id: task_id.to_owned(),
            wait: Some(duration(5_000)),
        };
        loop {
            let call = |attempt| {
                let (mut results, request) = (self.results(attempt), limited(request.clone()));
                async move { results.get_result(request).await }
            };
            let result = self.retry("GetResult", call).await;
            if result.finish_time.is_some() {
                return result;
            }
            assert!(begun.elapsed() < LIMIT, "task {task_id} does not finish: {result:?}");
        }
    }

    /// Tries until the server has answered; the number of the try selects the replica. Panics on a refusal that no retry mends.
    pub async fn retry<T, F>(&self, what: &str, mut call: impl FnMut(usize) -> F) -> T
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let begun = Instant::now();
        for attempt in 0.. {
            match call(attempt).await {
                Ok(answer) => return answer.into_inner(),
                Err(status) if is_retryable(&status) && begun.elapsed() < LIMIT => {
                    self.retries.fetch_add(1, Ordering::Relaxed);
                    let pause = 20_u64 << attempt.min(4);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Err(status) => panic!("{what}: {status:?}"),
            }
        }
        unreachable!("the tries are counted without an end")
    }
}

fn channel(port: u16) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
    endpoint.connect_timeout(Duration::from_secs(2)).connect_lazy()
}

fn pick(channels: &[Channel], number: usize) -> Channel {
    assert!(!channels.is_empty(), "no replica of this role runs in this test");
    channels[number % channels.len()].clone()
}

/// A call with the deadline that a careful client sets.
fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(10));
    request
}

/// A task with a text as input and a key, in queue `default`.
#[must_use]
pub fn request(kind: &str, text: &str, key: &str) -> EnqueueRequest {
    EnqueueRequest {
        kind: kind.to_owned(),
        payload: payload(text),
        idempotency_key: key.to_owned(),
        ..EnqueueRequest::default()
    }
}

/// A key that no other call has.
#[must_use]
pub fn key(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A payload of text.
#[must_use]
pub fn payload(text: &str) -> Option<Payload> {
    Some(Payload {
        content_type: String::new(),
        content: Some(Content::Text(text.to_owned())),
    })
}

/// The text of a payload; empty if it is none.
#[must_use]
pub fn text_of(payload: Option<&Payload>) -> &str {
    match payload.and_then(|payload| payload.content.as_ref()) {
        Some(Content::Text(text)) => text,
        _ => "",
    }
}

/// Milliseconds as the contract has them.
#[must_use]
pub fn duration(ms: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: ms / 1_000,
        nanos: (ms % 1_000) as i32 * 1_000_000,
    }
}
