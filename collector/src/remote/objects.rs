//! From an address to what keeps the profiles there, and a store that has its own there.

use std::path::PathBuf;
use std::sync::Arc;

use crate::blobs::{self, Directory, Patient, Place, Shared, Trouble};
use crate::error::{Error, Result};
use crate::parallel::parallel;
use crate::remote::s3::S3;
use crate::store::{Kept, Store};

/// Profiles that are read at once when all are, and between two looks whether that is of any use.
const READERS: usize = 8;
const CHUNK: usize = 4 * READERS;

/// What is at an address, with the keys of the environment. Nothing is asked of it yet.
#[must_use]
pub fn open(place: &Place) -> Shared {
    match place {
        Place::Directory(path) => Arc::new(Directory::at(path.clone())),
        Place::Bucket { name, prefix } => {
            Arc::new(S3::open(name, prefix, &|name| std::env::var(name).ok()))
        }
    }
}

/// Tries an address with a profile that is nobody's; one that is `new` is made where it can be. Gives
/// what it does less well than it could.
///
/// # Errors
/// [`Trouble`] where it cannot be used, or does not answer now.
pub fn probe(place: &Place, new: bool) -> std::result::Result<Vec<String>, Trouble> {
    // Somebody may look at the same address at once.
    let nonce = format!("{}-{}", std::process::id(), crate::remote::http::random());
    let objects = open(place);
    if new {
        objects.make()?;
    }
    blobs::probe(&*objects, &nonce)
}

/// Lets a store read the profiles that it has elsewhere, at most so many at once; without any
/// elsewhere nothing changes. Gives what keeps them.
///
/// # Errors
/// [`Error::Store`].
pub fn attach(store: &mut Store, most: usize) -> Result<Option<Shared>> {
    let Some(place) = store.place()? else {
        return Ok(None);
    };
    let objects = open(&place.whole());
    store.attach(Arc::new(Patient::new(objects.clone(), most)));
    Ok(Some(objects))
}

/// Has a store keep its profiles at an address from now on. Where it has some elsewhere, they must
/// have been copied. Of several nodes the first one decides: as long as there is nothing that
/// could have been copied, another address is a mistake, and would be every node's.
///
/// # Errors
/// [`Error::Usage`] where they were not; [`Error::Objects`] and [`Error::Store`].
pub fn settle(store: &mut Store, place: &Place) -> Result<()> {
    // Of two nodes that name a place for the first time one is first, and the other finds it named.
    while !settled(store, place)? {}
    Ok(())
}

/// One try; gives whether the place is the store's by now.
fn settled(store: &mut Store, place: &Place) -> Result<bool> {
    let known = store.place()?;
    if let Some(known) = known.as_ref().filter(|k| k.place == *place) {
        return is_same_directory(store, known).map(|()| true);
    }
    if let Some(known) = &known {
        is_first(store, known, place)?;
    }
    let folder = match &known {
        Some(known) => known.folder.clone(),
        None => store.new_folder()?,
    };
    let objects = open(&place.below(&folder));
    if let Some(known) = &known {
        let missing = missing(store, &objects, matches!(place, Place::Directory(_)))?;
        if missing > 0 {
            return Err(Error::Usage(format!(
                "--blobs {place}: the profiles of this store lie in {}, and {missing} of them are not \
                 in {place}: copy the folder {folder} there first, or serve with --blobs {}",
                known.place, known.place
            )));
        }
    }
    // The address itself was made before; one without its disk gets no folder.
    if let Place::Directory(path) = place {
        Directory::at(path.clone()).stand()?;
    }
    objects.make()?;
    let place = place.clone();
    store.remember_place(&Kept { place, folder }, known.as_ref())
}

/// Refuses another address than the nodes' own, which nobody has copied to: nothing was moved yet.
fn is_first(store: &Store, known: &Kept, place: &Place) -> Result<()> {
    if store.marker()?.is_none() || store.object_counts()?.moved > 0 {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--blobs {place}: the nodes of this log keep profiles in {}, as the first that named a place \
         decided: serve with --blobs {}, or without",
        known.place, known.place
    )))
}

/// Refuses a directory of a node that is not the other nodes': it is there, and the folder of the log
/// is not in it. One that is not there at all is a disk that is not mounted, and waited for.
fn is_same_directory(store: &Store, known: &Kept) -> Result<()> {
    let (Place::Directory(path), Place::Directory(whole)) = (&known.place, known.whole()) else {
        return Ok(());
    };
    let is_node = store.marker()?.is_some();
    let stands = |path: PathBuf| Directory::at(path).stand().is_ok();
    if !is_node || !stands(path.clone()) || stands(whole) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--blobs {}: this directory is not the one of the other nodes, which have the folder {} in it: \
         with --log, all nodes keep profiles in the same place, such as a directory of a file server or \
         a bucket",
        known.place, known.folder
    )))
}

/// How many of a store's profiles are not whole at another place: each is read there, once.
fn missing(store: &Store, objects: &Shared, is_directory: bool) -> Result<u64> {
    let mut missing = 0;
    for some in store.objects()?.chunks(CHUNK) {
        for got in parallel(READERS, some, |hash| objects.get(hash).map(|b| b.is_some())) {
            match got {
                Ok(true) => {}
                // A directory that is not there has none of them.
                Err(Trouble::Away(_)) if is_directory => missing += 1,
                Ok(false) | Err(Trouble::Damaged(_)) => missing += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(missing)
}
