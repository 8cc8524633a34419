//! The log of a search: everything that a later process needs to go on, one JSON line an event.
//!
//! A line is on disk before the search hears of it, so that a killed search loses at most the
//! commit that it was measuring; that commit's report may even be in the store already. A search
//! down a side branch is a section of its own in the same file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bisect::Request;
use crate::error::{Error, Result};
use crate::model::Sha;
use crate::run::{Outside, Source};
use crate::search::{LogEntry, Noise, Observation, Options, Range, Search};
use crate::suite::Overlay;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The first line: what was asked for.
    Asked {
        /// With the ends as full names.
        request: Box<Request>,
        /// What is laid over every commit.
        #[serde(rename = "carry")]
        overlay: Overlay,
        /// The programs outside the commits that are run; absent in logs of older versions.
        #[serde(default)]
        outside: Option<Outside>,
    },
    /// A search over one line of commits begins.
    Section(Box<Section>),
    /// The prior was learned from profiles of both ends.
    Prior {
        /// One share a commit.
        shares: Vec<f64>,
    },
    /// The runs under several layouts or seeds that others are compared with, one by one.
    Reference {
        /// In the order taken.
        runs: Vec<f64>,
    },
    /// Values differ from run to run after all.
    Noise {
        /// What is known about the noise.
        noise: Noise,
    },
    /// A commit was measured, or gave no value.
    Observed {
        /// The commit, for people.
        sha: Sha,
        /// Where its first values came from; absent for further runs.
        source: Option<Source>,
        /// What the search was told.
        entry: LogEntry,
    },
    /// The whole search ended.
    Ended {
        /// The kind of answer.
        outcome: String,
        /// The suspects.
        suspects: Vec<Sha>,
    },
}

/// A search over one line of commits, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The commits, oldest first.
    pub commits: Vec<Sha>,
    /// What the search knew at its beginning, and since then about the prior.
    pub range: Range,
    /// How it searches.
    pub options: Options,
    /// What it was told since.
    #[serde(default)]
    pub entries: Vec<LogEntry>,
    /// Where the values of each entry came from; absent for further runs.
    #[serde(default)]
    pub sources: Vec<Option<Source>>,
    /// Whether the prior was learned.
    #[serde(default)]
    pub informed: bool,
    /// Runs under several layouts or seeds; those of other commits are levelled by them.
    #[serde(default)]
    pub reference: Vec<f64>,
    /// Commits measured anew.
    #[serde(default)]
    pub measured: usize,
    /// Commits answered by the store or an equal build key when they were asked for.
    #[serde(default)]
    pub reused: usize,
}

impl Section {
    /// The search, told everything again.
    ///
    /// # Errors
    /// When the section is no range.
    pub fn search(&self) -> Result<Search> {
        Search::replay(&self.range, self.options.clone(), &self.entries)
            .map_err(|e| Error::Usage(e.to_string()))
    }

    fn observe(&mut self, source: Option<Source>, entry: LogEntry) {
        match (source, &entry.observation) {
            (Some(Source::Measured), Observation::Values(_)) => self.measured += 1,
            (Some(Source::Stored | Source::EqualBuild), _) => self.reused += 1,
            _ => {}
        }
        self.entries.push(entry);
        self.sources.push(source);
    }

    fn inform(&mut self, shares: &[f64]) {
        self.informed = true;
        for (commit, share) in self.range.commits.iter_mut().zip(shares) {
            commit.share = *share;
        }
    }
}

/// A log on disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// What was asked for.
    pub request: Request,
    /// What is laid over every commit.
    pub overlay: Overlay,
    /// The programs outside the commits, as they were when the search began.
    pub outside: Option<Outside>,
    /// The searches so far.
    pub sections: Vec<Section>,
    /// The answer, if there was one.
    pub ended: Option<(String, Vec<Sha>)>,
}

impl Journal {
    /// A new log in the folder.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn create(
        dir: &Path,
        request: &Request,
        overlay: &Overlay,
        outside: &Outside,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let mut number = numbers(dir).last().map_or(1, |n| n + 1);
        let (path, file) = loop {
            let path = dir.join(format!("{number:04}.jsonl"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                // Another search began at the same moment.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(Error::io(&path)(e)),
            }
        };
        file.lock().map_err(Error::io(&path))?;
        let mut journal = Self {
            path,
            file: Some(file),
            request: request.clone(),
            overlay: overlay.clone(),
            outside: Some(outside.clone()),
            sections: Vec::new(),
            ended: None,
        };
        journal.write(&Event::Asked {
            request: Box::new(request.clone()),
            overlay: overlay.clone(),
            outside: Some(outside.clone()),
        })?;
        Ok(journal)
    }

    /// The newest log in the folder, for reading.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none or it cannot be read.
    pub fn latest(dir: &Path) -> Result<Self> {
        let newest = numbers(dir).last().copied();
        let Some(number) = newest else {
            return Err(Error::Usage(
                "no search was begun in this repository: `uptick bisect GOOD BAD --bench NAME`"
                    .into(),
            ));
        };
        Self::read(&dir.join(format!("{number:04}.jsonl")))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        // A killed process may have left half a line; it was never acted upon.
        let events = text.lines().map_while(|l| serde_json::from_str(l).ok());
        let mut journal: Option<Self> = None;
        for event in events {
            match (&mut journal, event) {
                (
                    None,
                    Event::Asked {
                        request,
                        overlay,
                        outside,
                    },
                ) => {
                    journal = Some(Self {
                        path: path.to_path_buf(),
                        file: None,
                        request: *request,
                        overlay,
                        outside,
                        sections: Vec::new(),
                        ended: None,
                    });
                }
                (Some(j), event) => j.apply(event),
                (None, _) => break,
            }
        }
        journal.ok_or_else(|| Error::Usage(format!("{}: no log of a search", path.display())))
    }

    /// The newest log, to be gone on with.
    ///
    /// # Errors
    /// As [`Journal::latest`]; and when that search is under way in another process.
    pub fn resume(dir: &Path) -> Result<Self> {
        let mut journal = Self::latest(dir)?;
        let path = journal.path.clone();
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        if file.try_lock().is_err() {
            return Err(Error::Usage(format!(
                "{}: another process goes on with this search",
                path.display()
            )));
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let whole: usize = text
            .split_inclusive('\n')
            .take_while(|l| l.ends_with('\n') && serde_json::from_str::<Event>(l).is_ok())
            .map(str::len)
            .sum();
        file.set_len(whole as u64).map_err(Error::io(&path))?;
        journal.file = Some(file);
        Ok(journal)
    }

    /// Refuses to go on where a program outside the commits was edited since the search began:
    /// what it was told would be of one program, and what it is told next of another.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the program.
    pub fn refuse_edited(&self, now: &Outside) -> Result<()> {
        match self.outside.as_ref().and_then(|was| was.edited(now)) {
            None => Ok(()),
            Some(path) => Err(Error::Usage(format!(
                "{} was edited since this search began: search again without --resume",
                path.display()
            ))),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The section of a line of commits that was begun before.
    #[must_use]
    pub fn known(&self, good: &Sha, bad: &Sha) -> Option<usize> {
        let same = |s: &Section| s.commits.first() == Some(good) && s.commits.last() == Some(bad);
        self.sections.iter().position(same)
    }

    /// Begins a section; gives its index.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn begin(&mut self, section: Section) -> Result<usize> {
        self.note(Event::Section(Box::new(section)))?;
        Ok(self.sections.len() - 1)
    }

    /// Writes an event down and then acts upon it.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn note(&mut self, event: Event) -> Result<()> {
        self.write(&event)?;
        self.apply(event);
        Ok(())
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut line =
            serde_json::to_vec(event).map_err(|e| Error::Internal(format!("log: {e}")))?;
        line.push(b'\n');
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(Error::io(&self.path))
    }

    /// Events speak of the section that was begun last.
    fn apply(&mut self, event: Event) {
        match (event, self.sections.last_mut()) {
            (Event::Section(s), _) => self.sections.push(*s),
            (Event::Prior { shares }, Some(s)) => s.inform(&shares),
            (Event::Reference { runs }, Some(s)) => s.reference = runs,
            (Event::Noise { noise }, Some(s)) => s.options.noise = noise,
            (Event::Observed { source, entry, .. }, Some(s)) => s.observe(source, entry),
            (Event::Ended { outcome, suspects }, _) => self.ended = Some((outcome, suspects)),
            _ => {}
        }
    }
}

/// The numbers of the logs in a folder, in order.
fn numbers(dir: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|e| e.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}
