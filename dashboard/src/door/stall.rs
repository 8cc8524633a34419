//! A socket that gives up when no byte goes either way for a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::places::Seat;

/// Longer than any answer takes (30 s), and than the pause between two events (20 s).
const STALL: Duration = Duration::from_secs(60);

/// The socket of one connection.
pub(super) struct Watched {
    socket: TcpStream,
    seat: Arc<Seat>,
    deadline: Pin<Box<Sleep>>,
}

impl Watched {
    pub(super) fn new(socket: TcpStream, seat: Arc<Seat>) -> Self {
        Self {
            socket,
            seat,
            deadline: Box::pin(tokio::time::sleep(STALL)),
        }
    }

    /// What the socket gave, or the end of patience. The clock is not wound up at each byte: when it
    /// rings it is set to what is left since the last one.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        given: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if given.is_ready() {
            self.seat.touch();
            return given;
        }
        while self.deadline.as_mut().poll(cx).is_ready() {
            let patience = Instant::from_std(self.seat.spoke()) + STALL;
            if patience <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.deadline.as_mut().reset(patience);
        }
        Poll::Pending
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let given = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.watched(cx, given)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let given = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watched(cx, given)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let given = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.watched(cx, given)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
