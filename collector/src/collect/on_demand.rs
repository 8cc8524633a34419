//! Commits that a server's collectors measure for a search, on the series that the server has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bisect::{Collectors, Gave, Known};
use crate::error::{Error, Result};
use crate::jobs::{Offered, OfferedJob, Purpose, State, Wanted};
use crate::model::{Counter, FunctionDelta, Metric, NoiseClass, Report, Sha};
use crate::remote::{Answer, Server};
use crate::run::Progress;

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_secs(1);
/// So long the server may stay away.
const AWAY: Duration = Duration::from_secs(120);
/// Where nobody takes a commit for so long, it is said.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is asked for, as the command line names it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The project; its only one where absent.
    pub project: Option<String>,
    /// The benchmark.
    pub benchmark: String,
    /// The metric.
    pub metric: Metric,
    /// The label that measures; each of the project's where absent.
    pub label: Option<String>,
    /// Whether commits that failed are tried again.
    pub retry: bool,
}

/// A series of a server's project, whose further points its collectors measure.
#[derive(Debug)]
pub struct OnDemand {
    server: Server,
    asked: Asked,
    project: String,
    series: Series,
    /// Whether what failed before has been asked for anew.
    retried: AtomicBool,
}

#[derive(Debug, Deserialize)]
struct Project {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Projects {
    projects: Vec<Project>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    series: Vec<Series>,
}

/// A series as the list of them has it.
#[derive(Clone, Debug, Deserialize)]
struct Series {
    series: String,
    benchmark: String,
    metric: String,
    counter: Counter,
    /// What names the testbed for the counter.
    testbed: String,
    class: NoiseClass,
    latest_time: i64,
}

#[derive(Debug, Deserialize)]
struct Points {
    points: Vec<Point>,
}

#[derive(Debug, Deserialize)]
struct Point {
    sha: Option<Sha>,
    value: f64,
}

#[derive(Debug, Deserialize)]
struct Functions {
    functions: Vec<FunctionDelta>,
}

impl OnDemand {
    /// The series that is asked for, of a project of the server.
    ///
    /// # Errors
    /// [`Error::Usage`] where the server has no such project or series, [`Error::Remote`] where it
    /// cannot be asked.
    pub fn open(server: Server, asked: Asked) -> Result<Self> {
        if !matches!(asked.metric, Metric::Instructions | Metric::BinarySize) {
            return Err(varies(&asked.metric));
        }
        let project = project(&server, asked.project.as_deref())?;
        let series = series(&server, &project, &asked)?;
        Ok(Self {
            server,
            asked,
            project,
            series,
            retried: AtomicBool::new(false),
        })
    }

    fn wanted(&self, commits: &[Sha], purpose: Purpose, again: bool) -> Wanted {
        Wanted {
            project: self.project.clone(),
            commits: commits.to_vec(),
            purpose,
            label: self.asked.label.clone().unwrap_or_default(),
            again,
        }
    }

    /// Asks for the commits until each has come to an end; whether that took any time.
    fn waited(
        &self,
        commits: &[Sha],
        purpose: Purpose,
        progress: &dyn Progress,
    ) -> Result<(Vec<OfferedJob>, bool)> {
        let mut again = self.asked.retry && !self.retried.swap(true, Ordering::Relaxed);
        let begun = Instant::now();
        let (mut heard, mut waited, mut told) = (begun, false, false);
        loop {
            match self.server.offer(&self.wanted(commits, purpose, again))? {
                Answer::Yes(Offered { jobs, .. }) => {
                    (again, heard) = (false, Instant::now());
                    if jobs.iter().all(OfferedJob::has_ended) {
                        return Ok((jobs, waited));
                    }
                    progress.stage(&far(&jobs));
                    let is_idle = jobs.iter().all(|j| j.state != State::Leased);
                    if is_idle && !told && begun.elapsed() > PATIENCE {
                        told = true;
                        progress.note(&format!(
                            "{}: nobody has taken it for {} minutes; {}/collectors shows who is at work",
                            far(&jobs),
                            PATIENCE.as_secs() / 60,
                            self.server.address()
                        ));
                    }
                }
                Answer::Lost(why) | Answer::Refused(why) => {
                    return Err(Error::Usage(format!("the server: {why}")));
                }
                Answer::Away(why, _) if heard.elapsed() > AWAY => {
                    return Err(Error::Remote(format!(
                        "the server is away: {why}; what it was asked to measure it goes on with"
                    )));
                }
                Answer::Away(why, _) => progress.stage(&format!("the server is away: {why}")),
            }
            waited = true;
            std::thread::sleep(LOOK);
        }
    }

    /// What the jobs of one commit came to: their reports of the series' testbed, or why there is
    /// none.
    fn reports(
        &self,
        sha: &Sha,
        jobs: &[OfferedJob],
    ) -> Result<std::result::Result<Vec<Report>, String>> {
        let mut why = format!("nobody measured {}", sha.short());
        for job in jobs.iter().filter(|j| j.sha == *sha) {
            if job.report.is_empty() {
                why = match job.state {
                    State::Cancelled => format!("its job {} was cancelled", job.job),
                    _ => format!("{}: {}", job.stage, job.why),
                };
                continue;
            }
            let path = format!("/p/{}/api/v1/reports/{}", self.project, job.report);
            let report: Report = document(&self.server, &path, &[])?;
            if report.measurements.is_empty()
                || report.testbed.fingerprint(&self.series.counter) == self.series.testbed
            {
                return Ok(Ok(vec![report]));
            }
            why = format!(
                "measured on testbed {} and not on {}",
                report.testbed.fingerprint(&self.series.counter),
                self.series.testbed
            );
        }
        Ok(Err(why))
    }
}

impl Collectors for OnDemand {
    fn known(&self) -> Result<Vec<Known>> {
        // The point of a series that varies stands for several runs, which its report has.
        if self.series.class != NoiseClass::Exact {
            return Ok(Vec::new());
        }
        let path = format!("/p/{}/api/v1/series/{}", self.project, self.series.series);
        let Points { points } = document(&self.server, &path, &[("from", "0")])?;
        let known = |p: Point| {
            Some(Known {
                sha: p.sha?,
                value: p.value,
            })
        };
        Ok(points.into_iter().filter_map(known).collect())
    }

    fn counter(&self) -> Counter {
        self.series.counter.clone()
    }

    fn measure(
        &self,
        commits: &[Sha],
        purpose: Purpose,
        progress: &dyn Progress,
    ) -> Result<Vec<Gave>> {
        let (jobs, waited) = self.waited(commits, purpose, progress)?;
        let gave = |sha: &Sha| {
            Ok(Gave {
                reports: self.reports(sha, &jobs)?,
                was_there: !waited,
            })
        };
        commits.iter().map(gave).collect()
    }

    fn functions(&self, base: &Sha, head: &Sha) -> Result<Vec<FunctionDelta>> {
        let path = format!(
            "/p/{}/api/v1/profiles/{}/{}..{}",
            self.project, self.series.series, base.0, head.0
        );
        document(&self.server, &path, &[]).map(|f: Functions| f.functions)
    }

    fn page(&self, base: &Sha, head: &Sha) -> String {
        format!(
            "{}/p/{}/compare/{}..{}",
            self.server.address(),
            self.project,
            base.short(),
            head.short()
        )
    }
}

fn varies(metric: &Metric) -> Error {
    Error::Usage(format!(
        "{metric} differs from run to run, and a search needs runs in turn on one machine: search it \
         there, without --server"
    ))
}

/// The project that is named, or the only one.
fn project(server: &Server, named: Option<&str>) -> Result<String> {
    let Projects { projects } = document(server, "/api/v1/projects", &[])?;
    let names: Vec<&str> = projects.iter().map(|p| p.name.as_str()).collect();
    match (named, names.as_slice()) {
        (Some(name), all) if all.contains(&name) => Ok(name.to_string()),
        (None, [only]) => Ok((*only).to_string()),
        (_, []) => Err(Error::Usage("--server: it has no project yet".into())),
        (Some(name), all) => Err(Error::Usage(format!(
            "--project: the server has no `{name}`; it has {}",
            all.join(", ")
        ))),
        (None, all) => Err(Error::Usage(format!(
            "--project NAME: the server has several: {}",
            all.join(", ")
        ))),
    }
}

/// The series of that benchmark and metric; of several testbeds' the one that was measured last.
fn series(server: &Server, project: &str, asked: &Asked) -> Result<Series> {
    let path = format!("/p/{project}/api/v1/series");
    let Listed { series } = document(server, &path, &[("q", &asked.benchmark)])?;
    let meant = |s: &Series| s.benchmark == asked.benchmark && s.metric == asked.metric.name();
    let others: Vec<&str> = series.iter().map(|s| s.benchmark.as_str()).collect();
    let found = series
        .iter()
        .filter(|s| meant(s))
        .max_by_key(|s| s.latest_time);
    found.cloned().ok_or_else(|| {
        let near = match others.first() {
            Some(other) => format!("; it has `{other}`"),
            None => String::new(),
        };
        Error::Usage(format!(
            "--bench: the project {project} of that server has no {} of `{}` yet{near}; Health there \
             lists what it measures",
            asked.metric, asked.benchmark
        ))
    })
}

/// What lies at a path of the server.
fn document<T: DeserializeOwned>(server: &Server, path: &str, query: &[(&str, &str)]) -> Result<T> {
    match server.document(path, query)? {
        Answer::Yes(document) => Ok(document),
        Answer::Lost(why) | Answer::Refused(why) | Answer::Away(why, _) => {
            Err(Error::Remote(format!("{}{path}: {why}", server.address())))
        }
    }
}

/// How far jobs are, in a line.
fn far(jobs: &[OfferedJob]) -> String {
    let open: Vec<&OfferedJob> = jobs.iter().filter(|j| !j.has_ended()).collect();
    let one = |job: &&OfferedJob| match job.state {
        State::Leased => format!("{} on {}: {}", job.sha.short(), job.collector, job.stage),
        _ => format!("{} waits for a collector of {}", job.sha.short(), job.label),
    };
    open.iter().take(2).map(one).collect::<Vec<_>>().join("; ")
}
