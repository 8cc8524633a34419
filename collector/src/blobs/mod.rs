//! Where profiles lie outside the store's own file: in a directory, in an object store.
//!
//! Each goes by the SHA-256 of its bytes. Whoever keeps them is not believed: the hash is checked
//! before bytes are put and after they are got, so that nobody ever sees half a profile, or another.

mod directory;
mod patient;
mod place;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests;

pub use directory::Directory;
pub use patient::Patient;
pub use place::Place;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::model::digest;
use crate::parallel::parallel;

/// No profile is larger than this: 256 MiB.
pub const MOST: usize = 256 << 20;

/// Something that keeps profiles by their hash.
pub trait Blobs: fmt::Debug {
    /// What people call it.
    fn name(&self) -> String;

    /// Makes what has to be there before the first profile.
    ///
    /// # Errors
    /// [`Trouble`].
    fn make(&self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Keeps a profile durably. One that is there whole already stays, one that is damaged is
    /// written anew.
    ///
    /// # Errors
    /// [`Trouble`]; then it may be there or not, and never half of it.
    fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble>;

    /// A profile, checked; `None` where it is not there.
    ///
    /// # Errors
    /// [`Trouble`].
    fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, Trouble>;

    /// Removes a profile; none there is no error.
    ///
    /// # Errors
    /// [`Trouble`]; then it may be there or not.
    fn remove(&self, hash: &str) -> Result<(), Trouble>;

    /// Removes what was left by whoever was killed while it put a profile, so long ago at least that
    /// nobody can be putting it still.
    ///
    /// # Errors
    /// [`Trouble`].
    fn sweep(&self, _older: Duration) -> Result<(), Trouble> {
        Ok(())
    }

    /// What it does less well than it could, found out with a profile that is there.
    ///
    /// # Errors
    /// [`Trouble`].
    fn weaknesses(&self, _hash: &str, _bytes: &[u8]) -> Result<Vec<String>, Trouble> {
        Ok(Vec::new())
    }
}

/// One that several threads use.
pub type Shared = Arc<dyn Blobs + Send + Sync>;

/// Why a profile was not put, got or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no answer, or none now: the same will do later.
    #[error("{0}")]
    Away(String),
    /// It lets nobody in, or is not there: somebody has to do something about it.
    #[error("{0}")]
    Refused(String),
    /// What is there is not what its name says.
    #[error("{0}")]
    Damaged(String),
}

impl From<Trouble> for Error {
    fn from(t: Trouble) -> Self {
        match t {
            Trouble::Away(why) | Trouble::Refused(why) => Self::Objects(why),
            Trouble::Damaged(why) => Self::Store(why),
        }
    }
}

/// Refuses bytes that do not have the hash that they go by, and hashes that are none: they are
/// names of files.
pub fn check(hash: &str, bytes: &[u8], place: &str) -> Result<(), Trouble> {
    is_hash(hash)?;
    if digest(bytes) == hash {
        return Ok(());
    }
    Err(Trouble::Damaged(format!(
        "profile {hash}: what lies in {place} under that name has another hash"
    )))
}

pub(crate) fn is_hash(text: &str) -> Result<(), Trouble> {
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(hexadecimal) {
        return Ok(());
    }
    Err(Trouble::Damaged(format!(
        "`{}` is no hash of a profile",
        crate::format::sentence(text, 80)
    )))
}

/// Puts a profile and reads it back.
///
/// # Errors
/// [`Trouble`]; then it is not known to be there.
pub fn deliver(to: &dyn Blobs, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
    to.put(hash, bytes)?;
    match to.get(hash)? {
        Some(back) if back.len() == bytes.len() => Ok(()),
        _ => Err(Trouble::Away(format!(
            "profile {hash}: {} took it, and does not have it",
            to.name()
        ))),
    }
}

/// Failures after which the others are not tried.
const ENOUGH: usize = 16;

/// Removes profiles, so many at once; after several that cannot be, the others wait for a better time.
/// Gives those that are gone, and why the rest are not.
pub fn remove_all(
    from: &Shared,
    hashes: &[String],
    width: usize,
) -> (Vec<String>, Option<Trouble>) {
    let failed = AtomicUsize::new(0);
    let done = parallel(width, hashes, |hash| {
        (failed.load(Ordering::Relaxed) < ENOUGH).then(|| {
            let done = from.remove(hash);
            failed.fetch_add(usize::from(done.is_err()), Ordering::Relaxed);
            done
        })
    });
    let (mut gone, mut why) = (Vec::new(), None);
    for (hash, done) in hashes.iter().zip(done) {
        match done {
            Some(Ok(())) => gone.push(hash.clone()),
            Some(Err(e)) => why = Some(e),
            None => {}
        }
    }
    (gone, why)
}

/// Tries everything once with a profile that is nobody's: what can be done less well there than
/// elsewhere.
///
/// # Errors
/// [`Trouble`] where it cannot be used at all.
pub fn probe(place: &dyn Blobs, nonce: &str) -> Result<Vec<String>, Trouble> {
    let bytes = format!("uptick tries whether what it puts here is kept: {nonce}\n").into_bytes();
    let hash = digest(&bytes);
    let tried = deliver(place, &hash, &bytes).and_then(|()| place.weaknesses(&hash, &bytes));
    // Whatever came of it, nothing is left.
    let removed = match tried {
        Err(Trouble::Away(_)) => Ok(()),
        _ => place.remove(&hash),
    };
    let mut weak = tried?;
    removed?;
    match place.get(&hash) {
        Ok(None) => Ok(weak),
        Ok(Some(_)) => {
            weak.push("what is removed is still there for a while".into());
            Ok(weak)
        }
        Err(Trouble::Refused(why)) => Err(Trouble::Refused(format!(
            "{why}; asked for what is not there, it must say so: give the keys the right to list the \
             bucket (s3:ListBucket)"
        ))),
        Err(e) => Err(e),
    }
}
