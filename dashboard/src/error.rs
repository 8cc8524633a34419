//! What can go wrong with a request, sorted by whose fault it is, and the page that says so.

use std::time::Duration;

use axum::http::StatusCode;
use collector::error::Error;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Fail {
    /// There is no such thing: what was asked for, and where to look.
    NotFound(String),
    /// The request cannot be understood.
    Bad(String),
    /// What was sent cannot be read: where, and why.
    Unreadable(String),
    /// Too often from one address: how long to wait.
    TooOften(Duration),
    /// More than is taken: of what, and how much is.
    TooLarge(String),
    /// No token, or one that does not suffice.
    Denied(StatusCode, String),
    /// Too much at once.
    Busy,
    /// This node does not show yet what the asker wrote at another one.
    Behind,
    /// The project is there, and this node does not show it yet.
    Opening,
    /// The store is served for reading only.
    ReadOnly,
    /// It is not the asker's any more, or somebody else's: what, and what to do.
    Conflict(String),
    /// Somebody else decided in between: who, and what.
    Overtaken(String),
    /// The store failed.
    Store(String),
    /// What keeps profiles outside the store does not answer, or lets nobody in.
    Objects(String),
    /// The disk failed under the store: nothing more is written until it is opened anew.
    Disk(String),
    /// The disk has no room for more.
    Full(String),
    /// A key stands for another body.
    Taken(String),
    /// More than a day's share: of what, and how much that is.
    Quota(String),
    /// Our own mistake.
    Internal,
}

impl Fail {
    pub(crate) const fn busy() -> Self {
        Self::Busy
    }

    pub(crate) const fn panicked() -> Self {
        Self::Internal
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften(_) | Self::Quota(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Denied(status, _) => *status,
            Self::Busy
            | Self::Behind
            | Self::Opening
            | Self::Store(_)
            | Self::Objects(_)
            | Self::Disk(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ReadOnly | Self::Taken(_) | Self::Conflict(_) | Self::Overtaken(_) => {
                StatusCode::CONFLICT
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// After how many seconds the same request may do, where it may.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooOften(wait) => Some(seconds(*wait)),
            Self::Denied(StatusCode::TOO_MANY_REQUESTS, _) => Some(60),
            Self::Busy | Self::Behind | Self::Opening | Self::Store(_) => Some(2),
            Self::Full(_) => Some(60),
            Self::Objects(_) => Some(5),
            Self::Quota(_) => Some(3_600),
            _ => None,
        }
    }

    /// The headline.
    pub(crate) const fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Bad(_) => "This request cannot be understood",
            Self::Unreadable(_) => "What was sent cannot be read",
            Self::TooOften(_) => "Too often",
            Self::TooLarge(_) => "Too large",
            Self::Denied(..) => "Not allowed",
            Self::Busy => "Busy",
            Self::Behind | Self::Opening => "This node is not as far yet",
            Self::Conflict(_) => "Not yours (any more)",
            Self::Overtaken(_) => "Somebody decided in between",
            Self::ReadOnly => "Nothing can be written here",
            Self::Store(_) => "The store cannot be read or written",
            Self::Objects(_) => "The profiles cannot be reached now",
            Self::Disk(_) => "The disk has failed",
            Self::Full(_) => "The disk is full",
            Self::Taken(_) => "This key stands for something else",
            Self::Quota(_) => "Enough for today",
            Self::Internal => "This is our mistake",
        }
    }

    /// What happened, and what to do next.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::NotFound(s) | Self::Bad(s) | Self::Unreadable(s) => s.clone(),
            Self::TooLarge(s) | Self::Denied(_, s) | Self::Store(s) | Self::Disk(s) => s.clone(),
            Self::Objects(s) => format!(
                "{s}. Nothing is lost: the numbers are in the store, and this page comes back with \
                 what keeps the profiles."
            ),
            Self::Full(s)
            | Self::Taken(s)
            | Self::Quota(s)
            | Self::Conflict(s)
            | Self::Overtaken(s) => s.clone(),
            Self::TooOften(wait) => format!(
                "This address has asked too often; the next request is answered in {} s.",
                seconds(*wait)
            ),
            Self::Busy => {
                "Too many requests are under way; the same one will do in a second.".into()
            }
            Self::Behind => {
                "What you wrote was stored, and this node has not followed yet; the same \
                             request will do in a second."
                    .into()
            }
            Self::Opening => {
                "This node opens the project, and shows it when it has read all of it; where it cannot \
                 be opened, the server's log says why."
                    .into()
            }
            Self::ReadOnly => "This dashboard serves its store for reading only.".into(),
            Self::Internal => {
                "The page could not be made because of a mistake in uptick; nothing was \
                           lost. Please report the address that shows it."
                    .into()
            }
        }
    }
}

/// Whole seconds, so that who waits as long does not come too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<Error> for Fail {
    fn from(e: Error) -> Self {
        match e {
            Error::Usage(s) | Error::NoVerdict(s) => Self::Bad(s),
            Error::Disk(s) => Self::Disk(s),
            Error::Objects(s) => Self::Objects(s),
            e => Self::Store(e.to_string()),
        }
    }
}
