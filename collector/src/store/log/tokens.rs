//! Tokens: what another machine shows before it may read or write. Only their hashes are kept.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::store::Store;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Pages and documents.
    Read,
    /// Handing in reports, and triage.
    Write,
    /// Taking jobs and handing in their reports, and nothing else: whoever has a collector's token
    /// reads no page.
    Collect,
    /// Tokens, and everything else.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Collect, Self::Admin];

    /// Whether a token of this scope does where another is needed.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Write => matches!(needed, Self::Read | Self::Write),
            Self::Read | Self::Collect => self == needed,
        }
    }

    /// The word used on the command line and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Collect => "collect",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A token as it is listed; the token itself is known only to its holder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Token {
    /// Its number, by which it is revoked.
    pub id: i64,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// Seconds since 1970-01-01 UTC.
    pub created: i64,
    /// When it ends; `None`: never.
    pub expires: Option<i64>,
    /// When it was last shown, to the minute.
    pub last_used: Option<i64>,
    /// When it was revoked.
    pub revoked: Option<i64>,
}

impl Token {
    /// Whether it opens anything at that time.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|e| e > now)
    }
}

const COLUMNS: &str = "id, name, scope, created, expires, last_used, revoked";

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<Token> {
    let scope: String = r.get(2)?;
    Ok(Token {
        id: r.get(0)?,
        name: r.get(1)?,
        scope: Scope::from_name(&scope).unwrap_or(Scope::Read),
        created: r.get(3)?,
        expires: r.get(4)?,
        last_used: r.get(5)?,
        revoked: r.get(6)?,
    })
}

impl Store {
    /// Keeps a new token by its SHA-256. Gives its number.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn add_token(
        &mut self,
        name: &str,
        scope: Scope,
        hash: &str,
        now: i64,
        expires: Option<i64>,
    ) -> Result<i64> {
        self.change(|tx| {
            tx.execute(
                "INSERT INTO token (name, scope, hash, created, expires) VALUES (?1,?2,?3,?4,?5)",
                params![name, scope.name(), hash, now, expires],
            )?;
            Ok(tx.last_insert_rowid())
        })
    }

    /// The token with that hash, live or not.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn token(&self, hash: &str) -> Result<Option<Token>> {
        self.ask(|db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM token WHERE hash = ?1"))?
                .query_row([hash], row)
                .optional()
        })
    }

    /// Every token, newest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn tokens(&self) -> Result<Vec<Token>> {
        self.ask(|db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM token ORDER BY id DESC"))?
                .query_map([], row)?
                .collect()
        })
    }

    /// Ends a token. Gives whether there was a live one of that number.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn revoke_token(&mut self, id: i64, now: i64) -> Result<bool> {
        self.change(|tx| {
            let n = tx.execute(
                "UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL",
                params![id, now],
            )?;
            Ok(n > 0)
        })
    }

    /// Notes that a token was shown, at most once a minute.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn touch_token(&mut self, id: i64, now: i64) -> Result<()> {
        self.change(|tx| {
            tx.execute(
                "UPDATE token SET last_used = ?2 WHERE id = ?1 AND coalesce(last_used, 0) < ?2 - 60",
                params![id, now],
            )?;
            Ok(())
        })
    }
}
