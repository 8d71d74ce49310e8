//! Serving HTTP: HTTP/1.1 and, with prior knowledge, HTTP/2.
//!
//! **Guarantee:** a connection ends that has no request under way for a while: one that never said anything, one that
//! waits for its next request, one whose headers do not come to their end, however slowly they drip. So does one whose
//! body stalls, or that takes nothing of its answer. What moves on is left alone, however slow it is.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower::ServiceExt;

/// For a connection without a request, and for the next bytes of a body.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// When the server ends, or a body has stalled: for an answer that is on its way.
const LINGER: Duration = Duration::from_secs(1);
/// After the system had no more connections to give.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Serves until `stopped`, then finishes the requests that are under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    idle: Duration,
    stopped: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), idle, stopping.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no connection can be accepted");
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, router: Router, idle: Duration, mut stopping: watch::Receiver<bool>) {
    let activity = Activity::new(idle);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let underway = activity.begin();
        let answer = router.clone().oneshot(receive(request, idle, &activity));
        async move {
            let answer = answer.await?;
            Ok::<_, Infallible>(answer.map(|body| Answer { body, _underway: underway }))
        }
    });
    let builder = Builder::new(TokioExecutor::new());
    let io = TokioIo::new(Watched { stream, activity: activity.clone() });
    let mut serving = std::pin::pin!(builder.serve_connection(io, service));
    let mut is_stopping = false;
    loop {
        let over_at = activity.over_at();
        tokio::select! {
            // An error ends this connection alone, and its other end has seen it or is gone.
            _ = serving.as_mut() => return,
            _ = stopping.wait_for(|stopping| *stopping), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
                activity.hurry();
            }
            () = sleep_until(over_at) => if activity.is_over() { return },
        }
    }
}

fn receive(request: hyper::Request<Incoming>, idle: Duration, activity: &Activity) -> Request {
    // A stream of HTTP/2 ends alone.
    let activity = (request.version() < hyper::Version::HTTP_2).then(|| activity.clone());
    request.map(|body| Body::new(Arriving { body, idle, stalls: None, activity }))
}

/// What happens on a connection. Clones share it.
#[derive(Clone)]
struct Activity(Arc<Mutex<State>>);

struct State {
    requests: usize,
    /// Since when nothing happens, where no request is under way.
    since: Instant,
    /// How long that may be.
    idle: Duration,
}

/// A request under way.
struct Underway(Activity);

impl Activity {
    fn new(idle: Duration) -> Self {
        Self(Arc::new(Mutex::new(State { requests: 0, since: Instant::now(), idle })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Underway {
        self.state().requests += 1;
        Underway(self.clone())
    }

    fn moved_on(&self) {
        self.state().since = Instant::now();
    }

    /// The connection is to end with what is under way.
    fn hurry(&self) {
        let mut state = self.state();
        state.idle = state.idle.min(LINGER);
        state.since = Instant::now();
    }

    fn is_over(&self) -> bool {
        let state = self.state();
        state.requests == 0 && state.since.elapsed() >= state.idle
    }

    /// When to look again.
    fn over_at(&self) -> Instant {
        let state = self.state();
        let since = if state.requests == 0 { state.since } else { Instant::now() };
        since + state.idle
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.since = Instant::now();
    }
}

/// The body of a request, whose parts come within a time.
struct Arriving {
    body: Incoming,
    idle: Duration,
    /// When it has stalled, while it is waited for.
    stalls: Option<Pin<Box<Sleep>>>,
    /// Of the connection that ends with this body, if it does.
    activity: Option<Activity>,
}

impl HttpBody for Arriving {
    type Data = <Incoming as HttpBody>::Data;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.stalls = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let idle = self.idle;
        ready!(self.stalls.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(cx));
        if let Some(activity) = &self.activity {
            activity.hurry();
        }
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer: its request is under way until all of it is taken.
struct Answer {
    body: Body,
    _underway: Underway,
}

impl HttpBody for Answer {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that tells when it takes something again. The end of an answer may wait in it long after its request.
struct Watched {
    stream: TcpStream,
    activity: Activity,
}

impl Watched {
    /// A write that is not taken whole was too much at once for the other end, which has now taken some of it.
    fn wrote(&self, written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        if matches!(&written, Poll::Ready(Ok(some)) if *some < all) {
            self.activity.moved_on();
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written, slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
