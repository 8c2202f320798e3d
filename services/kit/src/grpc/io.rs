//! An accepted socket that can be cut from outside, and that tells when it is gone.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// What the outside holds of a [`Socket`].
#[derive(Debug, Clone, Default)]
pub(super) struct SocketEvents {
    /// Cancel it, and every read and write fails from now on.
    pub(super) cut: CancellationToken,
    /// Cancelled when something was read.
    pub(super) first_byte: CancellationToken,
    /// Cancelled when whoever served the socket dropped it.
    pub(super) closed: CancellationToken,
}

/// Wraps the TCP stream below TLS, so that a peer that is stuck anywhere above can still be cut.
pub(super) struct Socket {
    stream: TcpStream,
    events: SocketEvents,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _closed: DropGuard,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> (Self, SocketEvents) {
        let events = SocketEvents::default();
        let socket = Self {
            stream,
            events: events.clone(),
            cut: Box::pin(events.cut.clone().cancelled_owned()),
            _closed: events.closed.clone().drop_guard(),
        };
        (socket, events)
    }

    fn was_cut(&self) -> io::Result<()> {
        if self.events.cut.is_cancelled() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the server"));
        }
        Ok(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A connection always has a read pending: this is where it is woken when it is cut.
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.was_cut());
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before && !self.events.first_byte.is_cancelled() {
            self.events.first_byte.cancel();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.was_cut()?;
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.was_cut()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.was_cut()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.was_cut()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Socket {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}
