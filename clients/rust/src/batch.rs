//! Many tasks with few calls.

use prost::Message;
use tidemill_proto::v1::{
    BatchEnqueueOutcome, BatchEnqueueRequest, EnqueueRequest, batch_enqueue_outcome::Outcome as Entry,
    gateway_service_client::GatewayServiceClient,
};
use tokio::time::{Instant, sleep};

use crate::{
    Client, Enqueued, Error, Outcome, Task,
    error::Again,
    retry::{self, Limits, backoff},
};

/// Most tasks of one call of the contract; [`Client::enqueue_batch`] makes as many calls as it takes.
pub const BATCH_LIMIT: usize = 1_000;
/// A call takes 4 MiB; the rest is for what encloses the entries.
const BATCH_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

/// An entry that is not settled yet, with its place in the answer.
struct Open {
    index: usize,
    request: EnqueueRequest,
    /// What is known over all calls so far: an earlier one may have stored it, even if the last one did not.
    outcome: Outcome,
}

impl Open {
    /// It ends with this error.
    fn fail(self, error: &Error) -> (usize, Result<Enqueued, Error>) {
        let outcome = if error.outcome() == Outcome::Unknown {
            Outcome::Unknown
        } else {
            self.outcome
        };
        let error = error.clone().with_outcome(outcome);
        (self.index, Err(error.with_key(&self.request.idempotency_key)))
    }
}

impl Client {
    /// Stores many tasks, each on its own: the answer has one outcome for each, in order. Makes as many calls of at most 1,000 tasks and
    /// 4 MiB as it takes, each within the timeout; entries that are refused for the moment only are sent again, as with
    /// [`enqueue`](Self::enqueue).
    pub async fn enqueue_batch(&self, tasks: impl IntoIterator<Item = Task>) -> Vec<Result<Enqueued, Error>> {
        let mut outcomes = Vec::new();
        let mut open = Vec::new();
        let mut bytes = 0;
        for (index, task) in tasks.into_iter().enumerate() {
            let request = self.request(task);
            let size = request.encoded_len() + 8;
            if open.len() == BATCH_LIMIT || (bytes + size > BATCH_BYTES && !open.is_empty()) {
                self.send_batch(std::mem::take(&mut open), &mut outcomes).await;
                bytes = 0;
            }
            bytes += size;
            open.push(Open {
                index,
                request,
                outcome: Outcome::NotApplied,
            });
        }
        if !open.is_empty() {
            self.send_batch(open, &mut outcomes).await;
        }
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// One call, and as many again as its refused entries need.
    async fn send_batch(&self, mut open: Vec<Open>, settled: &mut Vec<(usize, Result<Enqueued, Error>)>) {
        let shared = self.shared();
        let until = Instant::now() + shared.limits.deadline;
        for tries in 1.. {
            let left = Limits {
                deadline: until.saturating_duration_since(Instant::now()),
                ..shared.limits
            };
            let answers = match self.batch_call(&open, left).await {
                Ok(answers) => answers,
                Err(error) => {
                    // Whatever ended the call ended it for each entry.
                    settled.extend(open.into_iter().map(|entry| entry.fail(&error)));
                    return;
                }
            };
            let mut again = Vec::new();
            let mut delay = None;
            for (mut entry, answer) in open.into_iter().zip(answers) {
                match self.outcome(answer) {
                    Ok(enqueued) => settled.push((entry.index, Ok(enqueued))),
                    Err(error) => match error.again() {
                        Again::WhenBack(wait) | Again::After(wait) => {
                            delay = delay.max(Some(wait));
                            if error.outcome() == Outcome::Unknown {
                                entry.outcome = Outcome::Unknown;
                            }
                            again.push((entry, error));
                        }
                        Again::Never => settled.push(entry.fail(&error)),
                    },
                }
            }
            let Some(delay) = delay else { return };
            let pause = delay + backoff(tries, shared.limits.deadline);
            let over = shared.limits.tries.is_some_and(|most| tries >= most);
            if over || Instant::now() + pause >= until {
                settled.extend(again.into_iter().map(|(entry, error)| entry.fail(&error)));
                return;
            }
            sleep(pause).await;
            open = again.into_iter().map(|(entry, _)| entry).collect();
        }
    }

    async fn batch_call(&self, open: &[Open], limits: Limits) -> Result<Vec<BatchEnqueueOutcome>, Error> {
        let link = &self.shared().gateway;
        let request = BatchEnqueueRequest {
            requests: open.iter().map(|entry| entry.request.clone()).collect(),
        };
        let send = |request| {
            let mut stub = GatewayServiceClient::new(link.service());
            async move { stub.batch_enqueue(request).await }
        };
        let answer = retry::call(&link.line, &link.address, limits, request, send).await?;
        if answer.outcomes.len() == open.len() {
            Ok(answer.outcomes)
        } else {
            let (sent, got) = (open.len(), answer.outcomes.len());
            Err(Error::contract(
                &link.address,
                format!("{got} outcomes for {sent} tasks"),
            ))
        }
    }

    fn outcome(&self, answer: BatchEnqueueOutcome) -> Result<Enqueued, Error> {
        let address = &self.shared().gateway.address;
        match answer.outcome {
            Some(Entry::Response(response)) => Ok(response.into()),
            Some(Entry::Error(status)) => Err(Error::from_message(&status, address)),
            None => Err(Error::contract(address, "an outcome that says nothing")),
        }
    }
}
