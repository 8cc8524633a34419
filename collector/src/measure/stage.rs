//! What stands where a program looks while it runs.
//!
//! An executable knows by heart the place where it was built: `CARGO_MANIFEST_DIR`, `OUT_DIR`,
//! `CARGO_BIN_EXE_*`. When two commits are run in turn, each must find *its own* files there. So
//! a run first [enters](Stage::enter) a view: directories at these places step aside, and links
//! to the commit's own files stand in for them. Runs with the same view go on side by side;
//! another view waits until they have ended. Changing it costs a few renames.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::system;

/// A place where, for the time of a run, something else stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The place.
    pub at: PathBuf,
    /// What stands in for it.
    pub to: PathBuf,
}

/// The places of one process, and what stands there now.
#[derive(Debug, Default)]
pub struct Stage {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    links: Vec<Link>,
    running: usize,
}

/// A run's stage and its view.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    stage: Arc<Stage>,
    view: Arc<Vec<Link>>,
}

/// Held while a run needs its view.
#[derive(Debug)]
pub struct Turn<'a>(&'a Stage);

impl Standing {
    /// A run that sees `view` on `stage`; an empty one shows every place as it is.
    #[must_use]
    pub fn new(stage: &Arc<Stage>, view: Vec<Link>) -> Self {
        Self {
            stage: stage.clone(),
            view: Arc::new(view),
        }
    }

    /// Waits for the view and holds it.
    ///
    /// # Errors
    /// When a place cannot be renamed or linked.
    pub fn enter(&self) -> io::Result<Turn<'_>> {
        self.stage.enter(&self.view)
    }
}

impl Stage {
    /// Waits until nobody needs another view, and sets this one.
    ///
    /// # Errors
    /// When a place cannot be renamed or linked.
    pub fn enter(&self, view: &[Link]) -> io::Result<Turn<'_>> {
        let mut state = self.lock();
        while state.running > 0 && state.links != view {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.links != view {
            state.show(view)?;
        }
        state.running += 1;
        Ok(Turn(self))
    }

    /// Puts everything back to its place, for git and cargo.
    ///
    /// # Errors
    /// When a place cannot be renamed.
    pub fn clear(&self) -> io::Result<()> {
        self.enter(&[]).map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show(&mut self, view: &[Link]) -> io::Result<()> {
        while let Some(link) = self.links.last() {
            recover(&link.at)?;
            self.links.pop();
        }
        for link in view {
            put(link)?;
            self.links.push(link.clone());
        }
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.lock().show(&[]);
    }
}

/// Where a directory waits while something stands in for it.
fn aside(at: &Path) -> PathBuf {
    let mut name = at.file_name().unwrap_or_default().to_os_string();
    name.push(".aside");
    at.with_file_name(name)
}

fn put(link: &Link) -> io::Result<()> {
    recover(&link.at)?;
    if link.at.symlink_metadata().is_ok() {
        std::fs::rename(&link.at, aside(&link.at))?;
    }
    if let Some(above) = link.at.parent() {
        std::fs::create_dir_all(above)?;
    }
    system::symlink(&link.to, &link.at)
}

/// Puts the directory of a place back, also after a process that was killed in between.
///
/// # Errors
/// When it cannot be renamed.
pub fn recover(at: &Path) -> io::Result<()> {
    match at.symlink_metadata() {
        Ok(facts) if facts.is_symlink() => std::fs::remove_file(at)?,
        // It stands there; what waits aside is older.
        Ok(_) => {
            let _ = std::fs::remove_dir_all(aside(at));
            return Ok(());
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    match std::fs::rename(aside(at), at) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn text(path: PathBuf) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn each_run_sees_its_own_and_everything_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let [head, base] = ["head", "base"].map(|n| dir.path().join(n));
        for side in [&head, &base] {
            std::fs::create_dir(side).unwrap();
            std::fs::write(
                side.join("data"),
                side.file_name().unwrap().as_encoded_bytes(),
            )
            .unwrap();
        }
        let stage = Arc::new(Stage::default());
        let of_head = Standing::new(&stage, Vec::new());
        let link = Link {
            at: head.clone(),
            to: base.clone(),
        };
        let of_base = Standing::new(&stage, vec![link.clone()]);
        let see = |s: &Standing| {
            let _turn = s.enter().unwrap();
            text(head.join("data"))
        };
        for _ in 0..2 {
            assert_eq!(
                (see(&of_base), see(&of_head)),
                ("base".into(), "head".into())
            );
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(see(&of_base), "base")));
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(see(&of_head), "head")));
            }
        });
        see(&of_base);
        drop((of_base, of_head, stage));
        assert!(!head.is_symlink());
        // A process that was killed leaves the link; the next one puts the directory back.
        put(&link).unwrap();
        recover(&head).unwrap();
        assert_eq!(text(head.join("data")), "head");
    }

    #[test]
    fn a_place_that_is_gone_can_be_stood_in_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("gone/target");
        let stage = Stage::default();
        let to = dir.path().to_path_buf();
        let view = [Link { at: at.clone(), to }];
        drop(stage.enter(&view).unwrap());
        assert!(at.is_dir());
        stage.clear().unwrap();
        assert!(!at.exists());
    }
}
