//! Taking reports: read and bounded away from the writer, kept durably, then derived.
//!
//! ```text
//! body ─ unpacked, read, packed ─▶ stored already? ──yes──▶ 200
//!                                     └─no─▶ room? quota? ─▶ writer ─▶ durable ─▶ 201
//!                                                                        └─▶ derived, beside
//! ```

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::error::Error;
use collector::model::digest;
use collector::store::{Handed, Imported};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use zstd::zstd_safe::{DCtx, DParameter, get_error_name};

use crate::app::App;
use crate::auth::Actor;
use crate::counters::Counters;
use crate::error::Fail;
use crate::route::{MAX_BODY, MAX_WIRE};
use crate::text;

/// How long an answer waits for what it acknowledges to be derived, so that whoever asks next sees
/// it. It is durable either way.
const SHOWN: Duration = Duration::from_secs(2);
/// Bytes that every request may have in memory. Beyond that it takes one of few turns, so that who
/// sends a byte now and then holds up nobody.
const SMALL: usize = 64 << 10;
/// How long a turn lasts while the body comes in: 10 MiB at 4 Mbit/s.
const TURN: Duration = Duration::from_secs(20);
/// The header with a client's own name for what it hands in.
const KEY: &str = "idempotency-key";
const TAKEN: &str = "This Idempotency-Key came with another body before; take a new key.";
/// Bytes of such a name.
const MAX_KEY: usize = 256;

/// Stores a report: `uptick.report/1` as one document, or lines of `uptick.export/1` with its
/// profiles; plain, gzip or zstd. All of it is stored, or nothing.
pub(crate) async fn hand_in(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fail> {
    if app.options.read_only {
        return Err(Fail::ReadOnly);
    }
    let key = key(&headers, &actor)?;
    let (handed, turn) = handed(&app, &headers, body).await?;
    let share = match admitted(&app, handed.clone(), key.clone()).await? {
        Admitted::Stored(done) => return Ok(answer(&done)),
        Admitted::New(share) => share,
    };
    // The share goes with the work: who hangs up before it begins gives it back.
    let kept = app.keep(move |store| {
        let kept = store.hold(&handed, key.as_deref(), text::now())?;
        let done = kept.ok_or_else(|| Fail::Taken(TAKEN.into()))?;
        share.keep();
        Ok(done)
    });
    let done = kept.await?;
    drop(turn);
    show(&app).await;
    Ok(answer(&done))
}

/// Derives what was just stored, so that whoever asks next sees it. What is not derived in time,
/// or fails to be, is derived at a later look.
pub(crate) async fn show(app: &Arc<App>) {
    Counters::add(&app.counters.reports);
    let deriving = app.derive(|store| Ok(store.derive()?));
    let _ = tokio::time::timeout(SHOWN, deriving).await;
    app.unsearched.notify_one();
}

/// What a body hands in, and the turn that it took, if it is large. It is unpacked and read beside
/// the requests, a few at a time; who goes away meanwhile keeps that turn until it is done.
pub(crate) async fn handed(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Arc<Handed>, Option<OwnedSemaphorePermit>), Fail> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    let encoding = encoding
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
        .to_string();
    let (body, turn) = receive(app, body).await?;
    let handed = app.beside(move || read(&body, &encoding)).await?;
    Ok((Arc::new(handed), turn))
}

/// A body with the turn that it took, if it is large.
type Received = (Vec<u8>, Option<OwnedSemaphorePermit>);

/// Takes in a body. Large ones come in a few at a time; the others wait on the wire.
async fn receive(app: &App, body: Body) -> Result<Received, Fail> {
    let mut pieces = body.into_data_stream();
    let mut taken = Vec::new();
    if take_in(&mut pieces, &mut taken, SMALL).await? {
        return Ok((taken, None));
    }
    let turns = app.receiving.clone();
    let turn = turns.acquire_owned().await.map_err(|_| Fail::busy())?;
    let rest = take_in(&mut pieces, &mut taken, MAX_WIRE);
    match tokio::time::timeout(TURN, rest).await {
        Ok(Ok(true)) => Ok((taken, Some(turn))),
        Ok(Ok(false)) => Err(Fail::TooLarge(
            "A report may take 10 MiB on the wire; packed with zstd it takes a fifteenth.".into(),
        )),
        Ok(Err(e)) => Err(e),
        Err(_) => Err(Fail::Denied(
            StatusCode::REQUEST_TIMEOUT,
            "A large report must come in within 20 s; packed with zstd it takes a fifteenth."
                .into(),
        )),
    }
}

/// Reads on until there are more than `most` bytes; gives whether that was all.
async fn take_in(
    pieces: &mut axum::body::BodyDataStream,
    taken: &mut Vec<u8>,
    most: usize,
) -> Result<bool, Fail> {
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| Fail::Bad(format!("The body breaks off: {e}.")))?;
        taken.extend_from_slice(&piece);
        if taken.len() > most {
            return Ok(false);
        }
    }
    // One piece may have been too large already.
    Ok(taken.len() <= most)
}

/// The name that a client gave to what it hands in; of each client its own.
fn key(headers: &HeaderMap, actor: &Actor) -> Result<Option<String>, Fail> {
    let Some(key) = headers.get(KEY) else {
        return Ok(None);
    };
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Fail::Bad(format!(
            "Idempotency-Key has 1 to {MAX_KEY} bytes."
        )));
    }
    let name = [actor.0.as_bytes(), key.as_bytes()].join(&0);
    Ok(Some(digest(&name)))
}

fn read(body: &[u8], encoding: &str) -> Result<Handed, Fail> {
    let body = unpack(body, encoding)?;
    // What is wrong with a body is said with its field and its line.
    Handed::read(&body).map_err(unreadable)
}

/// What somebody sent is wrong, or the store is.
pub(crate) fn unreadable(e: Error) -> Fail {
    match e {
        Error::Usage(what) => Fail::Unreadable(what),
        e => e.into(),
    }
}

/// What was taken of a day's share of new series for a report. It goes back unless it is kept.
pub(crate) struct Share {
    app: Arc<App>,
    series: u64,
}

impl Share {
    /// The report is stored.
    pub(crate) fn keep(mut self) {
        self.series = 0;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.app.quota.give_back(self.series);
    }
}

/// What is known of a report before the writer has it.
pub(crate) enum Admitted {
    /// All of it is stored.
    Stored(Imported),
    /// It is not, and there is room for it.
    New(Share),
}

/// Whether a store takes a report: it can be written, the disk has room, the day's share of new
/// series is not used up.
///
/// # Errors
/// The reason why not.
pub(crate) async fn admitted(
    app: &Arc<App>,
    handed: Arc<Handed>,
    key: Option<String>,
) -> Result<Admitted, Fail> {
    let sharing = app.clone();
    app.read_beside(move |store, app| {
        app.may_write()?;
        if let Some(done) = store.holds(&handed, key.as_deref())? {
            return Ok(Admitted::Stored(done));
        }
        if let Some(why) = store.leaps(&handed)? {
            return Err(Fail::Unreadable(why));
        }
        app.room()?;
        let series = store.new_series(&handed)?;
        app.quota.take(series, text::now())?;
        let app = sharing;
        Ok(Admitted::New(Share { app, series }))
    })
    .await
}

fn answer(done: &Imported) -> Response {
    let status = if done.new > 0 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let document = json!({
        "schema": "uptick.received/1",
        "reports": done.reports,
        "new": done.new,
        "hash": done.hashes.last(),
        "hashes": done.hashes,
        "note": done.note,
    });
    (status, axum::Json(document)).into_response()
}

/// The plain body, never more than is taken however small it was packed.
fn unpack(body: &[u8], encoding: &str) -> Result<Vec<u8>, Fail> {
    let limit = MAX_BODY as u64 + 1;
    let mut out = Vec::new();
    let read = match encoding {
        "" | "identity" => {
            out.extend_from_slice(body);
            Ok(0)
        }
        "gzip" => flate2::read::MultiGzDecoder::new(body)
            .take(limit)
            .read_to_end(&mut out),
        "zstd" => unzstd(body, limit, &mut out),
        _ => return Err(Fail::Bad("Content-Encoding must be gzip or zstd.".into())),
    };
    read.map_err(|e| match e.kind() {
        std::io::ErrorKind::OutOfMemory => Fail::Busy,
        // What zstd says of memory that it did not get has no kind.
        _ if e.to_string().contains("Allocation error") => Fail::Busy,
        _ => Fail::Bad(format!("The body cannot be unpacked: {e}.")),
    })?;
    if out.len() > MAX_BODY {
        return Err(Fail::TooLarge("A report may take 64 MiB unpacked.".into()));
    }
    Ok(out)
}

/// zstd's own way to a decoder panics where it gets no memory.
fn unzstd(body: &[u8], limit: u64, out: &mut Vec<u8>) -> std::io::Result<usize> {
    let none = || std::io::Error::from(std::io::ErrorKind::OutOfMemory);
    let mut memory = DCtx::try_create().ok_or_else(none)?;
    // A frame may not ask for a window of more than 8 MiB.
    let window = DParameter::WindowLogMax(23);
    memory
        .set_parameter(window)
        .map_err(|code| std::io::Error::other(get_error_name(code)))?;
    zstd::stream::read::Decoder::with_context(body, &mut memory)
        .take(limit)
        .read_to_end(out)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused_while_they_unpack() {
        let zeros = vec![b' '; MAX_BODY + 4096];
        let packed = zstd::bulk::compress(&zeros, 19).unwrap();
        assert!(packed.len() < 100_000);
        assert!(matches!(
            unpack(&packed, "zstd"),
            Err(Fail::TooLarge(_) | Fail::Bad(_))
        ));
        assert!(matches!(unpack(b"x", "br"), Err(Fail::Bad(_))));
        assert!(matches!(unpack(b"x", "gzip"), Err(Fail::Bad(_))));
    }
}
