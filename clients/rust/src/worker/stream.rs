//! One Work stream: opened, registered, heard.

use std::time::Duration;

use tidemill_proto::v1::{
    Credits, Register, Registered, WorkResponse, work_request::Message, work_response::Message as Answer,
};
use tokio::time::{Instant, timeout};
use tonic::{Request, Streaming, codegen::http::uri::PathAndQuery};

use super::outgoing::{self, Sender, WorkCodec};
use crate::{Client, Error, ErrorKind, Outcome, proto_time::to_std};

const PATH: PathAndQuery = PathAndQuery::from_static("/tidemill.v1.WorkerService/Work");
/// Pings that may fail to come before the stream counts as broken.
const MISSED_PINGS: u32 = 3;
const SHORTEST_SILENCE: Duration = Duration::from_secs(1);

/// A stream that the server has accepted.
#[derive(Debug)]
pub(super) struct WorkStream {
    pub(super) sender: Sender,
    answers: Streaming<WorkResponse>,
    heard: Instant,
    silence: Duration,
    /// What the server was told last.
    credits: i32,
    /// The replica drains.
    pub(super) leaving: bool,
}

impl WorkStream {
    /// Opens one over a connection of its own and registers.
    pub(super) async fn open(client: Client, register: Register) -> Result<(Self, Registered), Error> {
        let limit = client.shared().limits.deadline;
        let late = || Error::deadline(Outcome::NotApplied, &client.shared().worker.address, limit);
        timeout(limit, Self::register(&client, register))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn register(client: &Client, register: Register) -> Result<(Self, Registered), Error> {
        let link = &client.shared().worker;
        let failed = |status: &tonic::Status| Error::from_status(status, &link.address);
        let (sender, outgoing) = outgoing::channel();
        let credits = register.credits;
        sender.say(Message::Register(register));
        let mut grpc = tonic::client::Grpc::new(link.fresh());
        grpc.ready()
            .await
            .map_err(|error| failed(&tonic::Status::from_error(error.into())))?;
        let call = grpc.streaming(Request::new(outgoing), PATH, WorkCodec);
        let mut answers = call.await.map_err(|status| failed(&status))?.into_inner();
        let first = answers.message().await.map_err(|status| failed(&status))?;
        let Some(Some(Answer::Registered(registered))) = first.map(|answer| answer.message) else {
            let message = "a Work stream that does not begin with Registered";
            return Err(Error::contract(&link.address, message));
        };
        let interval = registered.ping_interval.as_ref().map(to_std).unwrap_or_default();
        let stream = Self {
            sender,
            answers,
            heard: Instant::now(),
            silence: (interval * MISSED_PINGS).max(SHORTEST_SILENCE),
            credits,
            leaving: false,
        };
        Ok((stream, registered))
    }

    /// The sender, and the next answer; an error when the stream is over. Safe in a `select!`.
    pub(super) fn halves<'a>(
        &'a mut self,
        address: &'a str,
    ) -> (&'a Sender, impl Future<Output = Result<Option<Answer>, Error>> + 'a) {
        let (answers, heard) = (&mut self.answers, &mut self.heard);
        let answer = async move {
            match answers.message().await {
                Ok(Some(answer)) => {
                    *heard = Instant::now();
                    Ok(answer.message)
                }
                Ok(None) => Err(broken(address, "the server closed the stream".to_owned())),
                Err(status) => Err(Error::from_status(&status, address)),
            }
        };
        (&self.sender, answer)
    }

    /// Tells the server how many tasks may be held, if that is news.
    pub(super) fn set_credits(&mut self, credits: i32) {
        if std::mem::replace(&mut self.credits, credits) != credits {
            self.sender.say(Message::Credits(Credits { credits }));
        }
    }

    /// When it counts as broken if nothing comes.
    pub(super) fn silent_at(&self) -> Instant {
        self.heard + self.silence
    }

    pub(super) fn silence_error(&self, address: &str) -> Error {
        broken(address, format!("nothing came for {:?}", self.silence))
    }

    /// Half-closes and waits, not for long, until the server has done the same.
    pub(super) async fn finish(mut self) {
        self.sender.end();
        let ended = async { while let Ok(Some(_)) = self.answers.message().await {} };
        let _ = timeout(SHORTEST_SILENCE, ended).await;
    }
}

fn broken(address: &str, message: String) -> Error {
    Error::new(ErrorKind::ConnectionLost, Outcome::Unknown, address, message)
}
