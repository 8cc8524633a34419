//! Progress on a terminal: one line that is written over; quiet in a log.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use collector::run::Progress;

/// Writes to standard error, if that is a terminal.
pub(crate) struct Terminal {
    live: bool,
    state: Arc<Mutex<State>>,
}

struct State {
    stage: String,
    began: Instant,
    /// The line that stands there; empty for none.
    line: String,
    /// Commits done and to do, for a backfill.
    commits: Option<(usize, usize, Instant)>,
    /// How far a search has come.
    search: String,
    /// Notes that were told: a backfill would repeat them with every commit.
    told: std::collections::BTreeSet<String>,
}

const WIDTH: usize = 79;

/// Whether every step is said on a line of its own, in a log too.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// From now on every step is said, or none beside the line that is written over.
pub(crate) fn say_every_step(on: bool) {
    VERBOSE.store(on, Ordering::Relaxed);
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let state = State {
            stage: String::new(),
            began: Instant::now(),
            line: String::new(),
            commits: None,
            search: String::new(),
            told: std::collections::BTreeSet::new(),
        };
        let live = std::io::stderr().is_terminal();
        let state = Arc::new(Mutex::new(state));
        let watched = Arc::downgrade(&state);
        std::thread::spawn(move || tick(live, &watched));
        Self { live, state }
    }

    /// Tells that `done` of `total` commits are done.
    pub(crate) fn commits(&self, done: usize, total: usize) {
        let mut s = self.lock();
        let began = s.commits.map_or_else(Instant::now, |c| c.2);
        s.commits = Some((done, total, began));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says a step that stays.
    fn note_step(&self, line: &str) {
        if VERBOSE.load(Ordering::Relaxed) {
            self.clear();
            crate::print::note(line);
        }
    }

    fn show(&self, line: &str) {
        self.lock().line = line.to_string();
        if self.live {
            draw(line);
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.show("");
        if self.live {
            let _ = write!(std::io::stderr().lock(), "\r");
        }
    }
}

fn draw(line: &str) {
    let cut: String = line.chars().take(WIDTH).collect();
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "\r\x1b[K{cut}");
    let _ = err.flush();
}

/// A log hears of what goes on after so long, then after twice as long and so on, up to the second:
/// nobody should take a long build for a process that hangs.
const SILENCE: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(300)];

/// Shows how long the present stage has taken, for as long as anybody tells of stages.
fn tick(live: bool, state: &Weak<Mutex<State>>) {
    const BEAT: Duration = Duration::from_secs(1);
    let (mut said, mut silence) = (Instant::now(), SILENCE[0]);
    loop {
        std::thread::sleep(BEAT);
        let Some(state) = state.upgrade() else { return };
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = state.began.elapsed();
        if state.line.is_empty() {
            (said, silence) = (Instant::now(), SILENCE[0]);
            continue;
        }
        if elapsed < 2 * BEAT {
            continue;
        }
        let line = format!("{} {}", state.line, elapsed_in_words(elapsed));
        if live {
            draw(&line);
        } else if said.elapsed() >= silence {
            said = Instant::now();
            silence = (2 * silence).min(SILENCE[1]);
            crate::print::note(&format!("still {line}"));
        }
    }
}

fn elapsed_in_words(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        s if s < 60 => format!("({s} s)"),
        s => format!("({} min {:02} s)", s / 60, s % 60),
    }
}

/// `12 of 300 commits, about 14 min left: `.
fn commits_prefix(s: &State) -> String {
    match s.commits {
        None => s.search.clone(),
        Some((0, total, _)) => format!("0 of {total} commits: "),
        Some((done, total, began)) => {
            let left = began
                .elapsed()
                .div_f64(done as f64)
                .mul_f64((total - done) as f64);
            format!("{done} of {total} commits, {}: ", left_in_words(left))
        }
    }
}

fn left_in_words(left: Duration) -> String {
    match left.as_secs() {
        s if s < 90 => format!("about {s} s left"),
        s if s < 5400 => format!("about {} min left", s.div_ceil(60)),
        s => format!("about {} h left", s.div_ceil(3600)),
    }
}

impl Progress for Terminal {
    fn stage(&self, what: &str) {
        let mut s = self.lock();
        s.stage = what.to_string();
        s.began = Instant::now();
        let line = format!("{}{what}", commits_prefix(&s));
        drop(s);
        self.note_step(&line);
        self.show(&line);
    }

    fn step(&self, done: usize, total: usize, name: &str) {
        let s = self.lock();
        let left = s
            .began
            .elapsed()
            .div_f64(done.max(1) as f64)
            .mul_f64((total - done) as f64);
        let line = format!(
            "{}{}: {done} of {total}, {}: {}",
            commits_prefix(&s),
            s.stage,
            left_in_words(left),
            collector::format::name(name, 30)
        );
        drop(s);
        self.note_step(&line);
        self.show(&line);
    }

    fn search(&self, so_far: &str) {
        self.lock().search = so_far.to_string();
    }

    fn note(&self, text: &str) {
        if !self.lock().told.insert(text.to_string()) {
            return;
        }
        self.clear();
        crate::print::note(&format!("note: {text}"));
    }
}
