//! One job after the other, until somebody ends it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::heart::Heart;
use super::measure::{Outcome, Work};
use crate::error::{Error, Result, tail};
use crate::jobs::wire::{Claim, Failed, Going, Lease};
use crate::jobs::{Fault, Purpose, backoff};
use crate::measure::child::{end_children, end_with_us, withhold};
use crate::remote::{Answer, Server};

/// How often the child and the lease are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Bytes of why a job failed.
const WHY: usize = 4_096;

/// What a collector says of itself while it works.
pub type Said<'s> = dyn Fn(&str) + Sync + 's;

/// What came of one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// No job waits.
    Nothing,
    /// A report was handed in.
    Done,
    /// A job was given back, or its failure reported.
    Failed,
    /// The lease was over, or the job cancelled: nothing was handed in.
    Lost,
    /// Somebody asked for the end.
    Ended,
}

/// A collector on a measuring machine.
pub struct Collector<'c> {
    server: Arc<Server>,
    dir: PathBuf,
    claim: Claim,
    end: &'c AtomicBool,
    say: &'c Said<'c>,
    /// How long a job may take: a build that stands still keeps no machine for ever.
    limit: Duration,
    confined: Confined,
    _lock: File,
}

/// Whose programs run in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confined {
    /// Those of every commit.
    All,
    /// Those of pull requests, which nobody may have read.
    Pulls,
    /// Nobody's.
    None,
}

impl Confined {
    /// Whether what a lease's commit brings runs in one.
    const fn holds(self, lease: &Lease) -> bool {
        match self {
            Self::All => true,
            Self::Pulls => lease.is_proposed(),
            Self::None => false,
        }
    }
}

impl<'c> Collector<'c> {
    /// A collector that works in `dir`, alone, until `end` is set.
    ///
    /// # Errors
    /// [`Error::Usage`] when another one works there, [`Error::Io`] when it cannot be written.
    pub fn open(
        server: Server,
        dir: PathBuf,
        claim: Claim,
        end: &'c AtomicBool,
        say: &'c Said<'c>,
        limit: Duration,
        confined: Confined,
    ) -> Result<Self> {
        let work = Work::of(&dir);
        std::fs::create_dir_all(work.dir()).map_err(Error::io(work.dir()))?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(Error::io(&path))?;
        if lock.try_lock().is_err() {
            return Err(Error::Usage(format!(
                "{}: another collector works in this directory; name another with --dir",
                dir.display()
            )));
        }
        Ok(Self {
            server: Arc::new(server),
            dir,
            claim,
            end,
            say,
            limit,
            confined,
            _lock: lock,
        })
    }

    /// Works until the end is asked for.
    ///
    /// # Errors
    /// Where the server refuses the token, or `dir` cannot be used.
    pub fn run(&self, child: &dyn Fn() -> Command) -> Result<()> {
        while !self.is_ending() {
            self.turn(child)?;
        }
        Ok(())
    }

    /// Takes a job and does it; `child` is the command that measures what lies in the directory.
    ///
    /// # Errors
    /// As [`Collector::run`].
    pub fn turn(&self, child: &dyn Fn() -> Command) -> Result<Turn> {
        let Some(lease) = self.claim()? else {
            return Ok(if self.is_ending() {
                Turn::Ended
            } else {
                Turn::Nothing
            });
        };
        let (sha, project) = (lease.sha.short(), &lease.project);
        (self.say)(&format!("job {}: {project} {sha}", lease.job));
        let work = Work::of(&self.dir);
        for old in [work.parcel(), work.stage()] {
            let _ = std::fs::remove_file(old);
        }
        let heart = Heart::start(self.server.clone(), &lease, work.stage());
        let outcome = match self.refused(&lease).or_else(|| unwritten(&work, &lease)) {
            Some(why) => Ok(why),
            None => self.measure(self.command(child, &lease), &heart),
        };
        let turn = self.hand_in(&lease, &heart, outcome)?;
        (self.say)(&format!("job {}: {}", lease.job, words(&turn)));
        Ok(turn)
    }

    /// Asks until there is an answer.
    fn claim(&self) -> Result<Option<Lease>> {
        let mut failures = 0;
        loop {
            match self.server.claim(&self.claim)? {
                Answer::Yes(lease) => return Ok(lease),
                Answer::Refused(why) => return Err(Error::Usage(format!("the server: {why}"))),
                Answer::Lost(why) => self.wait(&mut failures, &why, None),
                Answer::Away(why, after) => self.wait(&mut failures, &away(&why), after),
            }
            if self.is_ending() {
                return Ok(None);
            }
        }
    }

    /// What came of a lease that this collector must not have, whatever the server says.
    fn refused(&self, lease: &Lease) -> Option<Outcome> {
        let is_pull = lease.purpose == Purpose::Pull;
        (is_pull && !self.claim.untrusted).then(|| Outcome::Failed {
            fault: Fault::Machine,
            only_this_job: true,
            stage: "claim".into(),
            why: "this collector takes no pull requests (`uptick collect --untrusted`)".into(),
        })
    }

    /// The command that measures a lease's commit.
    fn command(&self, child: &dyn Fn() -> Command, lease: &Lease) -> Command {
        let mut command = child();
        if self.confined.holds(lease) {
            command.arg("--sandbox");
        }
        command
    }

    /// Runs the child to its end, or ends it where the job is not ours any more.
    fn measure(&self, mut command: Command, heart: &Heart) -> Result<Outcome, Turn> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        withhold(&mut command);
        for name in ["UPTICK_STORE", "UPTICK_DATA"] {
            command.env_remove(name);
        }
        end_with_us(&mut command);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return Ok(broken(format!("uptick cannot be started: {e}"))),
        };
        let began = Instant::now();
        loop {
            let ended = child.try_wait();
            let going = heart.going();
            let is_late = began.elapsed() >= self.limit;
            let ends = ended.is_err() || going != Going::Go || self.is_ending() || is_late;
            if matches!(ended, Ok(None)) && !ends {
                std::thread::sleep(TICK);
                continue;
            }
            if !matches!(ended, Ok(Some(_))) {
                let _ = child.kill();
                let _ = child.wait();
            }
            // What it had started would run on, beside the next job, and keep its output open.
            end_children();
            return match ended {
                Ok(Some(_)) => Ok(outcome(child)),
                Err(e) => Ok(broken(e.to_string())),
                Ok(None) if going != Going::Go => Err(Turn::Lost),
                Ok(None) if self.is_ending() => Err(Turn::Ended),
                Ok(None) => Ok(too_late(self.limit)),
            };
        }
    }

    /// Says to the server what came of a job, and goes on trying while it is away.
    fn hand_in(
        &self,
        lease: &Lease,
        heart: &Heart,
        outcome: Result<Outcome, Turn>,
    ) -> Result<Turn> {
        match outcome {
            Ok(Outcome::Measured) => self.deliver(lease, heart),
            Ok(Outcome::Failed {
                fault,
                only_this_job,
                stage,
                why,
            }) => {
                (self.say)(&format!("job {}: {stage} failed: {why}", lease.job));
                let failed = failed(lease, (fault, only_this_job), &stage, &why);
                self.give_back(&failed, heart)
            }
            Err(Turn::Ended) => {
                let why = "its collector ended";
                let ended = failed(lease, (Fault::Nobody, false), "ended", why);
                self.give_back(&ended, heart)?;
                Ok(Turn::Ended)
            }
            Err(turn) => Ok(turn),
        }
    }

    fn deliver(&self, lease: &Lease, heart: &Heart) -> Result<Turn> {
        let path = Work::of(&self.dir).parcel();
        let parcel = match std::fs::read(&path).map_err(Error::io(&path)) {
            Ok(parcel) => parcel,
            Err(e) => {
                let failed = failed(lease, (Fault::Machine, false), "report", &e.to_string());
                return self.give_back(&failed, heart);
            }
        };
        let mut failures = 0;
        loop {
            match self.server.finish(lease.job, lease.epoch, &parcel)? {
                Answer::Yes(()) => return Ok(Turn::Done),
                Answer::Lost(_) => return Ok(Turn::Lost),
                Answer::Refused(why) => {
                    let why = format!("the server does not take the report: {why}");
                    let failed = failed(lease, (Fault::Machine, true), "report", &why);
                    return self.give_back(&failed, heart);
                }
                Answer::Away(why, after) => self.wait(&mut failures, &away(&why), after),
            }
            // A lease that was lost may not have been given away yet: the server knows, and a
            // report that is late is refused there.
            if self.is_ending() {
                return Ok(Turn::Ended);
            }
        }
    }

    fn give_back(&self, failed: &Failed, heart: &Heart) -> Result<Turn> {
        let mut failures = 0;
        loop {
            match self.server.fail(failed)? {
                Answer::Yes(()) | Answer::Refused(_) => return Ok(Turn::Failed),
                Answer::Lost(_) => return Ok(Turn::Lost),
                Answer::Away(why, after) => self.wait(&mut failures, &away(&why), after),
            }
            // Where nobody hears it, the end of the lease says it.
            if self.is_ending() || heart.going() != Going::Go {
                return Ok(Turn::Lost);
            }
        }
    }

    /// Waits before the next try: as long as the server asks for, else longer each time.
    fn wait(&self, failures: &mut u32, why: &str, after: Option<u64>) {
        *failures += 1;
        if *failures == 1 {
            (self.say)(&format!("{why}; trying again"));
        }
        let pause = after.filter(|s| *s <= 60).map_or_else(
            || backoff(*failures, self.server.random()),
            Duration::from_secs,
        );
        let began = Instant::now();
        while began.elapsed() < pause && !self.is_ending() {
            std::thread::sleep(TICK.min(pause));
        }
    }

    fn is_ending(&self) -> bool {
        self.end.load(Ordering::SeqCst)
    }
}

fn away(why: &str) -> String {
    format!("the server is away: {why}")
}

/// Says where and why a lease's job failed, and whether that is known to be about this job alone.
fn failed(lease: &Lease, (fault, only_this_job): (Fault, bool), stage: &str, why: &str) -> Failed {
    Failed {
        job: lease.job,
        epoch: lease.epoch,
        fault,
        only_this_job: Some(only_this_job),
        stage: stage.to_string(),
        why: tail(why, WHY).to_string(),
    }
}

/// Hands the lease to the child, as a file; gives what comes of a job where that cannot be written.
fn unwritten(work: &Work, lease: &Lease) -> Option<Outcome> {
    let document = serde_json::to_vec(lease).map_err(|e| e.to_string());
    let path = work.lease();
    let written = document.and_then(|document| {
        std::fs::write(&path, document).map_err(|e| Error::io(&path)(e).to_string())
    });
    written.err().map(broken)
}

/// The machine could not do it, whatever job it was.
fn broken(why: String) -> Outcome {
    Outcome::Failed {
        fault: Fault::Machine,
        only_this_job: false,
        stage: "measure".into(),
        why,
    }
}

/// What stands still on one machine stands still on the next: it is the commit's own failure.
fn too_late(limit: Duration) -> Outcome {
    let seconds = limit.as_secs();
    Outcome::Failed {
        fault: Fault::Commit,
        only_this_job: false,
        stage: "timeout".into(),
        why: format!(
            "the job was not done after {seconds} s, its collector's limit (`uptick collect \
             --job-limit`)"
        ),
    }
}

/// What the child says came of it. One that was killed says nothing, and most likely measures what
/// takes more memory than there is.
fn outcome(child: Child) -> Outcome {
    let ended = match child.wait_with_output() {
        Ok(ended) => ended,
        Err(e) => return broken(e.to_string()),
    };
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| Outcome::Failed {
        fault: Fault::Machine,
        only_this_job: ended.status.code().is_none(),
        stage: "measure".into(),
        why: format!("the measuring process ended with {}", ended.status),
    })
}

const fn words(turn: &Turn) -> &'static str {
    match turn {
        Turn::Nothing => "nothing waits",
        Turn::Done => "handed in",
        Turn::Failed => "given back",
        Turn::Lost => "not ours any more; nothing was handed in",
        Turn::Ended => "given back, ending",
    }
}
