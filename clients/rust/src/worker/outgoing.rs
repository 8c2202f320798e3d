//! What goes to the server over one stream, and how the stream ends.
//!
//! A gRPC client ends its side of a stream by half-closing it, which in this protocol gives back everything that is held. Whoever leaves
//! a stream because its peer hangs, while another stream has the leases, must break it off instead. tonic offers no call for that, but
//! a message that cannot be encoded resets the stream: so dropping the sender without [`Sender::end`] sends one.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::Stream;
use prost::Message as _;
use tidemill_proto::v1::{WorkRequest, WorkResponse, work_request::Message};
use tokio::sync::mpsc;
use tonic::{
    Status,
    codec::{Codec, EncodeBuf, Encoder},
};
use tonic_prost::{ProstCodec, ProstDecoder};

/// Reports of handlers that may be on their way at a time; more wait in their handlers.
const MOST_REPORTS: usize = 64;

/// The sending side of a stream.
#[derive(Debug)]
pub(super) struct Sender {
    /// Echoes, credits, settles said again: never waits, overtakes reports.
    control: mpsc::UnboundedSender<Control>,
    reports: mpsc::Sender<WorkRequest>,
}

#[derive(Debug)]
enum Control {
    Say(WorkRequest),
    End,
}

/// The body of the call.
#[derive(Debug)]
pub(super) struct Outgoing {
    control: mpsc::UnboundedReceiver<Control>,
    reports: mpsc::Receiver<WorkRequest>,
    ended: bool,
}

/// One item of the body.
#[derive(Debug)]
pub(super) enum Frame {
    Say(WorkRequest),
    /// Breaks the stream off.
    Reset,
}

pub(super) fn channel() -> (Sender, Outgoing) {
    let (control, hear_control) = mpsc::unbounded_channel();
    let (reports, hear_reports) = mpsc::channel(MOST_REPORTS);
    let outgoing = Outgoing {
        control: hear_control,
        reports: hear_reports,
        ended: false,
    };
    (Sender { control, reports }, outgoing)
}

impl Sender {
    /// Says something at once. If the stream is gone, that is noticed where answers are read.
    pub(super) fn say(&self, message: Message) {
        let _ = self.control.send(Control::Say(WorkRequest { message: Some(message) }));
    }

    /// Room for one report, as soon as there is some; `None`: the stream is gone.
    pub(super) async fn room(&self) -> Option<mpsc::Permit<'_, WorkRequest>> {
        self.reports.reserve().await.ok()
    }

    /// Says something of a handler, for which there is room.
    pub(super) fn report(&self, message: WorkRequest) {
        // If the stream is gone, that is noticed where answers are read, and a settle is said again over the next one.
        let _ = self.reports.try_send(message);
    }

    /// Half-close: after what was said before.
    pub(super) fn end(&self) {
        let _ = self.control.send(Control::End);
    }
}

impl Stream for Outgoing {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.control.poll_recv(context) {
            Poll::Ready(Some(Control::Say(message))) => return Poll::Ready(Some(Frame::Say(message))),
            Poll::Ready(Some(Control::End)) => {
                self.ended = true;
                return Poll::Ready(None);
            }
            Poll::Ready(None) => {
                self.ended = true;
                return Poll::Ready(Some(Frame::Reset));
            }
            Poll::Pending => {}
        }
        match self.reports.poll_recv(context) {
            Poll::Ready(Some(message)) => Poll::Ready(Some(Frame::Say(message))),
            // Without senders the other channel is closed as well, and says how.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// As Prost's codec, but for a frame that resets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WorkCodec;

impl Codec for WorkCodec {
    type Encode = Frame;
    type Decode = WorkResponse;
    type Encoder = FrameEncoder;
    type Decoder = ProstDecoder<WorkResponse>;

    fn encoder(&mut self) -> FrameEncoder {
        FrameEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<WorkRequest, WorkResponse>::default().decoder()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct FrameEncoder;

impl Encoder for FrameEncoder {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match frame {
            Frame::Say(message) => message
                .encode(buffer)
                .map_err(|error| Status::internal(format!("cannot encode: {error}"))),
            Frame::Reset => Err(Status::cancelled("the stream was left for another one")),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn echo(number: i64) -> Message {
        Message::Echo(tidemill_proto::v1::Echo { number })
    }

    #[tokio::test]
    async fn ends_only_when_told_and_else_resets() {
        let (sender, mut outgoing) = channel();
        sender.say(echo(1));
        sender.end();
        drop(sender);
        assert!(matches!(outgoing.next().await, Some(Frame::Say(_))));
        assert!(outgoing.next().await.is_none());

        let (sender, mut outgoing) = channel();
        sender.say(echo(1));
        drop(sender);
        assert!(matches!(outgoing.next().await, Some(Frame::Say(_))));
        assert!(matches!(outgoing.next().await, Some(Frame::Reset)));
        assert!(outgoing.next().await.is_none());
    }

    #[tokio::test]
    async fn an_echo_overtakes_reports() {
        let (sender, mut outgoing) = channel();
        for _ in 0..MOST_REPORTS {
            sender.room().await.expect("room").send(WorkRequest::default());
        }
        assert!(futures_util::FutureExt::now_or_never(sender.room()).is_none(), "full");
        sender.say(echo(7));
        let Some(Frame::Say(first)) = outgoing.next().await else {
            panic!("nothing came");
        };
        assert_eq!(first.message, Some(echo(7)));
    }
}
