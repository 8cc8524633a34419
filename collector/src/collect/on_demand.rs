//! Commits that a server's collectors measure for a search, on the series that the server has.

use std::collections::HashMap;
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
    /// The series, where a search that goes on had one.
    pub series: Option<String>,
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
}

/// Reports that were fetched, by their hashes; `None` of those that the server has no more.
type Fetched = HashMap<String, Option<Box<Report>>>;

/// What there is of a commit so far.
enum Found {
    /// A report of the series' testbed, or one that says why there is no number.
    Report(Box<Report>),
    /// It may come yet.
    Open,
    /// None will, and why.
    Nothing(String),
    /// It was measured, and of that nothing is left or nothing that can be compared: why.
    Other(String),
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
    latest_sha: Sha,
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
        let candidates = candidates(&server, &project, &asked)?;
        let mut all = Self {
            server,
            project,
            series: candidates[0].clone(),
            asked,
        };
        if let Some(series) = all.of_label(&candidates)? {
            all.series = series;
        }
        Ok(all)
    }

    /// Which series it is.
    #[must_use]
    pub fn series(&self) -> &str {
        &self.series.series
    }

    /// Of several testbeds' series the one that the label measures.
    fn of_label(&mut self, candidates: &[Series]) -> Result<Option<Series>> {
        let (Some(label), [_, _, ..]) = (&self.asked.label, candidates) else {
            return Ok(None);
        };
        let label = label.clone();
        for series in candidates {
            self.series = series.clone();
            let newest = [series.latest_sha.clone()];
            let Answer::Yes(offered) = self.offer(&newest, Purpose::Bisect, false)? else {
                continue;
            };
            let mut fetched = Fetched::new();
            if let Found::Report(report) = self.found(&newest[0], &offered.jobs, &mut fetched)?
                && !report.measurements.is_empty()
            {
                return Ok(Some(series.clone()));
            }
        }
        let testbeds: Vec<&str> = candidates.iter().map(|s| s.testbed.as_str()).collect();
        Err(Error::Usage(format!(
            "--label: what {label} measures is no series of `{}` yet; there are those of testbeds {}",
            self.asked.benchmark,
            testbeds.join(", ")
        )))
    }

    fn offer(&self, commits: &[Sha], purpose: Purpose, again: bool) -> Result<Answer<Offered>> {
        let wanted = Wanted {
            project: self.project.clone(),
            commits: commits.to_vec(),
            purpose,
            label: self.asked.label.clone().unwrap_or_default(),
            again,
        };
        self.server.offer(&wanted)
    }

    /// Asks for the commits until each has come to an end, or has a report of the series' testbed
    /// from whichever label; which of them had before it was asked.
    fn waited(
        &self,
        commits: &[Sha],
        purpose: Purpose,
        progress: &dyn Progress,
    ) -> Result<Vec<(Found, bool)>> {
        let mut again = self.asked.retry;
        let begun = Instant::now();
        let (mut heard, mut told) = (begun, false);
        // Of one label there may be a report while another one's is waited for.
        let mut fetched = Fetched::new();
        let mut came: Vec<Option<(Found, bool)>> = commits.iter().map(|_| None).collect();
        let mut is_first = true;
        loop {
            match self.offer(commits, purpose, again)? {
                Answer::Yes(Offered { jobs, .. }) => {
                    (again, heard) = (false, Instant::now());
                    for (sha, came) in commits.iter().zip(&mut came).filter(|(_, c)| c.is_none()) {
                        match self.found(sha, &jobs, &mut fetched)? {
                            Found::Open => {}
                            found => *came = Some((found, is_first)),
                        }
                    }
                    if came.iter().all(Option::is_some) {
                        return Ok(came.into_iter().flatten().collect());
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
                Answer::Away(why, _) if heard.elapsed() > AWAY => return Err(away(&why)),
                Answer::Away(why, _) => progress.stage(&format!("the server is away: {why}")),
            }
            is_first = false;
            std::thread::sleep(LOOK);
        }
    }

    /// What the jobs of a commit came to so far.
    fn found(&self, sha: &Sha, jobs: &[OfferedJob], fetched: &mut Fetched) -> Result<Found> {
        let (mut open, mut empty, mut other) = (false, None, None);
        let mut why = format!("nobody measured {}", sha.short());
        for job in jobs.iter().filter(|j| j.sha == *sha) {
            if !job.has_ended() {
                open = true;
            } else if job.report.is_empty() {
                why = match job.state {
                    State::Cancelled => format!("its job {} was cancelled", job.job),
                    _ => format!("{}: {}", job.stage, job.why),
                };
            } else if let Some(report) = self.report(&job.report, fetched)? {
                let testbed = report.testbed.fingerprint(&self.series.counter);
                if report.measurements.is_empty() {
                    empty = Some(report);
                } else if job.state == State::Failed {
                    why = format!("{}: {}", job.stage, job.why);
                } else if testbed == self.series.testbed {
                    return Ok(Found::Report(report));
                } else {
                    other = Some(format!(
                        "measured on testbed {testbed} and not on {}",
                        self.series.testbed
                    ));
                }
            } else {
                other = Some("its report was pruned".into());
            }
        }
        Ok(match (open, other, empty) {
            (true, ..) => Found::Open,
            (false, _, Some(report)) => Found::Report(report),
            (false, Some(why), None) => Found::Other(why),
            (false, None, None) => Found::Nothing(why),
        })
    }

    /// A report by its hash; `None` where the server has it no more.
    fn report(&self, hash: &str, fetched: &mut Fetched) -> Result<Option<Box<Report>>> {
        if let Some(known) = fetched.get(hash) {
            return Ok(known.clone());
        }
        let path = format!("/p/{}/api/v1/reports/{hash}", self.project);
        let report = patiently(|| self.server.document(&path, &[]))?.ok();
        fetched.insert(hash.into(), report.clone());
        Ok(report)
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
        let mut all = Vec::new();
        for (sha, (found, was_there)) in
            commits.iter().zip(self.waited(commits, purpose, progress)?)
        {
            // Measured once more on what the label's collectors are by now.
            let (found, was_there) = match found {
                Found::Other(_) if purpose != Purpose::Confirm => {
                    let one = std::slice::from_ref(sha);
                    let again = self.waited(one, Purpose::Confirm, progress)?;
                    again.into_iter().next().unwrap_or((found, was_there))
                }
                found => (found, was_there),
            };
            let reports = match found {
                Found::Report(report) => Ok(vec![*report]),
                Found::Nothing(why) | Found::Other(why) => Err(why),
                Found::Open => Err(format!("nobody measured {}", sha.short())),
            };
            all.push(Gave { reports, was_there });
        }
        Ok(all)
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

/// The series of that benchmark and metric, the one that was measured last first; a search that goes
/// on has the one that it had.
fn candidates(server: &Server, project: &str, asked: &Asked) -> Result<Vec<Series>> {
    let path = format!("/p/{project}/api/v1/series");
    let Listed { series } = document(server, &path, &[("q", &asked.benchmark)])?;
    let other = series.first().map(|s| s.benchmark.clone());
    let had = |s: &Series| asked.series.as_ref().is_none_or(|id| *id == s.series);
    let mut found: Vec<Series> = series
        .into_iter()
        .filter(|s| s.benchmark == asked.benchmark && s.metric == asked.metric.name())
        .filter(had)
        .collect();
    found.sort_by_key(|s| std::cmp::Reverse(s.latest_time));
    if found.is_empty() {
        let near = other.map_or_else(String::new, |other| format!("; it has `{other}`"));
        return Err(Error::Usage(format!(
            "--bench: the project {project} of that server has no {} of `{}` yet{near}; Health there \
             lists what it measures",
            asked.metric, asked.benchmark
        )));
    }
    Ok(found)
}

/// What lies at a path of the server.
fn document<T: DeserializeOwned>(server: &Server, path: &str, query: &[(&str, &str)]) -> Result<T> {
    let refused = |why| {
        Error::Remote(format!(
            "{}{path}: {why} (--server names one that was started with `uptick serve --data DIR`)",
            server.address()
        ))
    };
    patiently(|| server.document(path, query))?.map_err(refused)
}

/// Asks until there is an answer, for as long as the server may stay away; `Err`: why it has no such
/// thing.
fn patiently<T>(
    mut ask: impl FnMut() -> Result<Answer<T>>,
) -> Result<std::result::Result<T, String>> {
    let begun = Instant::now();
    loop {
        match ask()? {
            Answer::Yes(document) => return Ok(Ok(document)),
            Answer::Lost(why) | Answer::Refused(why) => return Ok(Err(why)),
            Answer::Away(why, _) if begun.elapsed() > AWAY => return Err(away(&why)),
            Answer::Away(..) => std::thread::sleep(LOOK),
        }
    }
}

fn away(why: &str) -> Error {
    Error::Remote(format!(
        "the server is away: {why}; what it was asked to measure it goes on with"
    ))
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
