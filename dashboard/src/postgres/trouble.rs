//! What can go wrong with a database, and how long anybody waits for it.

use std::time::{Duration, Instant};

use tokio_postgres::error::{Severity, SqlState};

/// How long the database may take to answer: whoever waits for a write hears within 10 s.
pub(super) const ANSWER: Duration = Duration::from_secs(6);

/// Why something was not done.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// The connection was lost, or there was none: it may have been done.
    Lost(String),
    /// Somebody else held what it needs for too long, or cut it off: it may have been done.
    Busy(String),
    /// The database refused it.
    Refused(String),
}

impl Trouble {
    pub(super) fn why(&self) -> &str {
        let (Self::Lost(why) | Self::Busy(why) | Self::Refused(why)) = self;
        why
    }

    /// Whether it may have been done.
    pub(super) fn is_unsure(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// What the database answers.
pub(super) type Ran<T> = std::result::Result<T, tokio_postgres::Error>;
/// What came of asking it.
pub(super) type Tried<T> = std::result::Result<T, Trouble>;

pub(super) fn unanswered() -> String {
    format!(
        "it did not answer within {} s (does a synchronous standby that is gone hold it up?)",
        ANSWER.as_secs()
    )
}

/// What comes of a piece of work within the time that it may take.
pub(super) async fn within<T>(work: impl Future<Output = Ran<T>>) -> Tried<T> {
    match tokio::time::timeout(ANSWER, work).await {
        Ok(done) => done.map_err(|e| trouble(&e)),
        Err(_) => Err(Trouble::Lost(unanswered())),
    }
}

/// What comes of work that is to be over at a time.
pub(super) async fn by<T>(until: Instant, work: impl Future<Output = Tried<T>>) -> Tried<T> {
    match tokio::time::timeout_at(until.into(), work).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::Lost("it did not answer in time".into())),
    }
}

/// Whether the server said that it did not do it, and goes on.
pub(super) fn is_no(e: &tokio_postgres::Error) -> bool {
    let said = e.as_db_error();
    said.is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

/// Whose fault an error is.
pub(super) fn trouble(e: &tokio_postgres::Error) -> Trouble {
    let Some(said) = e.as_db_error() else {
        let cause = std::error::Error::source(e).map(|s| format!(": {s}"));
        return Trouble::Lost(format!("{e}{}", cause.unwrap_or_default()));
    };
    let code = said.code();
    let words = format!("{} ({})", said.message(), code.code());
    let lost = code.code().starts_with("08")
        || code.code().starts_with("57P")
        || code.code().starts_with("53")
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    // Somebody holds it and does not go on; whoever waited for too long was cut off. The database
    // is there all the same.
    let busy = *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
    match (lost, busy) {
        (true, _) => Trouble::Lost(words),
        (_, true) => Trouble::Busy(words),
        _ => Trouble::Refused(words),
    }
}
