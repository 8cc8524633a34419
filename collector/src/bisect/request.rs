//! What a search is asked for, and whether it can be asked.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bisect::probe::Asked;
use crate::config::{ClockMode, Command, Config, words};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::model::{Better, Counter, Metric, Sha, Tags};
use crate::run::{Outside, Reuse};
use crate::search::Direction;

/// What is asked for; the first line of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The good end, as a full name.
    pub good: String,
    /// The bad end.
    pub bad: String,
    /// The benchmark's name.
    pub benchmark: String,
    /// The metric; the counter's own where absent.
    pub metric: Option<Metric>,
    /// The counter, as `uptick.toml` names it; its choice where absent.
    pub counter: Option<String>,
    /// A shell command that builds a commit, where the benchmark is none of the suite.
    pub build: Option<String>,
    /// The program to count then.
    pub run: Option<String>,
    /// Every commit, side branches too, instead of first parents.
    pub all: bool,
    /// Look for the commit that made it better.
    pub fixed: bool,
    /// The smallest change of interest, as a fraction.
    pub limit: Option<f64>,
    /// Try commits again that failed before.
    pub retry: bool,
    /// Measure every commit anew, whatever is stored.
    pub fresh: bool,
    /// Stop where one commit explains the change; look for no further steps.
    pub quick: bool,
    /// What is laid over every commit, as it was named.
    #[serde(rename = "carry")]
    pub overlay: Vec<String>,
    /// The server whose collectors measure.
    pub server: Option<String>,
    /// Its project; its only one where absent.
    pub project: Option<String>,
    /// The label that measures; each of the project's where absent.
    pub label: Option<String>,
    /// The server's series that is searched.
    pub series: Option<String>,
}

impl Request {
    /// The command that asks for this.
    #[must_use]
    pub fn again(&self) -> String {
        let short = |sha: &str| Sha(sha.to_string()).short().to_string();
        let mut words = vec![
            "uptick bisect".to_string(),
            short(&self.good),
            short(&self.bad),
        ];
        let mut option = |name: &str, value: &str| {
            words.push(crate::format::flag(name, value));
        };
        if self.run.as_ref() != Some(&self.benchmark) {
            option("--bench", &self.benchmark);
        }
        let limit = self.limit.map(|l| format!("{}%", 100.0 * l));
        for (name, value) in [
            (
                "--metric",
                self.metric.as_ref().map(|m| m.name().to_string()),
            ),
            ("--build", self.build.clone()),
            ("--run", self.run.clone()),
            ("--counter", self.counter.clone()),
            ("--limit", limit),
            ("--server", self.server.clone()),
            ("--project", self.project.clone()),
            ("--label", self.label.clone()),
        ] {
            value.into_iter().for_each(|v| option(name, &v));
        }
        self.overlay.iter().for_each(|c| option("--overlay", c));
        for (name, on) in [
            ("--all", self.all),
            ("--fixed", self.fixed),
            ("--fresh", self.fresh),
        ] {
            words.extend(on.then(|| name.to_string()));
        }
        words.join(" ")
    }

    /// Takes a command that the repository's configuration has no more from an end's own, where
    /// that has it: it was renamed, or removed. Gives what to know about that.
    pub fn adopt(&self, repo: &Repo, config: &mut Config) -> Option<String> {
        let (name, _) = Tags::split(&self.benchmark);
        let has = |c: &Command| c.name == name;
        if self.run.is_some() || config.commands.iter().any(has) {
            return None;
        }
        let of_end = |end: &str| {
            let own = Config::parse(&repo.file(&Sha(end.to_owned()), Config::FILE)?).ok()?;
            let command = own.commands.into_iter().find(has)?;
            Some((command, Sha(end.to_owned())))
        };
        let (command, end) = of_end(&self.bad).or_else(|| of_end(&self.good))?;
        config.commands.push(command);
        Some(format!(
            "{} does not define `{name}`: every commit is measured as that of {} defines it",
            Config::FILE,
            end.short()
        ))
    }

    /// Lays the request over the repository's configuration.
    ///
    /// # Errors
    /// [`Error::Usage`] when the result is none.
    pub fn configure(&self, config: &mut Config) -> Result<()> {
        if let Some(counter) = &self.counter {
            config.suite.counter.clone_from(counter);
        }
        // A variant is searched as it was measured.
        let (benchmark, tags) = Tags::split(&self.benchmark);
        if !tags.is_empty() {
            config.tag(tags);
        }
        if let Some(run) = &self.run {
            config.suite.criterion = false;
            config.suite.include.clear();
            config.suite.exclude.clear();
            config.commands = vec![Command {
                name: benchmark.to_owned(),
                build: self.build.clone(),
                run: run.clone(),
                stdin: None,
                dir: ".".into(),
                clock: ClockMode::Real,
            }];
        }
        let command = config.commands.iter().any(|c| c.name == benchmark);
        let metrics = &mut config.suite.metrics;
        if let Some(metric) = &self.metric
            && !comes_along(metric, command)
            && !metrics.iter().any(|m| m == metric.name())
        {
            metrics.push(metric.name().into());
        }
        config.suite.only = vec![self.benchmark.clone()];
        config.validate().map_err(Error::Usage)
    }

    /// Refuses a program that is nowhere, before anything is built. What a build may yet make is
    /// looked for when BAD was built.
    ///
    /// # Errors
    /// [`Error::Usage`] that says where it was looked for.
    pub fn refuse_missing_program(&self, repo: &Repo, config: &Config) -> Result<()> {
        let words = self.run.as_deref().and_then(words).unwrap_or_default();
        let Some(program) = words.first() else {
            return Ok(());
        };
        let built = self.build.is_some();
        let inside = program.strip_prefix("{tree}/").unwrap_or(program);
        let there = match program {
            p if p.starts_with('/') => {
                let names_it = |b: &String| b.contains(p.as_str());
                Path::new(p).exists() || self.build.as_ref().is_some_and(names_it)
            }
            p if !p.contains('/') => Outside::finds(config, p),
            _ => built || self.has(repo, inside),
        };
        if there {
            return Ok(());
        }
        let beside = std::env::current_dir().unwrap_or_default().join(inside);
        let hint = if beside.is_file() {
            format!(
                "; the one in your directory is `--run {}`",
                crate::format::quoted(&beside.to_string_lossy())
            )
        } else {
            String::new()
        };
        Err(Error::Usage(if program.contains('/') {
            format!(
                "--run: there is no {program}: neither GOOD nor BAD has it, and no --build makes \
                 it{hint}"
            )
        } else {
            let hint = match Outside::only_here(program) {
                Some(at) => format!(
                    " of measured commands ({}); yours has `--run {}`",
                    Outside::search(config),
                    crate::format::quoted(&at.to_string_lossy())
                ),
                None => hint,
            };
            format!("--run: no program `{program}` on the search path{hint}")
        }))
    }

    fn has(&self, repo: &Repo, path: &str) -> bool {
        let path = path.trim_start_matches("./");
        let carried = self.overlay.iter().any(|c| path.starts_with(c.as_str()));
        let ends = [&self.good, &self.bad];
        carried || ends.iter().any(|e| repo.has_file(&Sha((*e).clone()), path))
    }

    /// Which way values go where what is searched for happened: the way that is worse for the
    /// metric, or with `--fixed` the other one.
    pub(super) fn direction(&self, metric: &Metric) -> Direction {
        match (metric.better(), self.fixed) {
            (Better::Lower, false) | (Better::Higher, true) => Direction::Up,
            (Better::Lower, true) | (Better::Higher, false) => Direction::Down,
        }
    }

    pub(super) fn asked(&self, counter: &Counter) -> Asked {
        let own = if *counter == Counter::Clock {
            Metric::WallTime
        } else {
            Metric::Instructions
        };
        Asked {
            benchmark: self.benchmark.clone(),
            metric: self.metric.clone().unwrap_or(own),
            reuse: match (self.fresh, self.retry) {
                (true, _) => Reuse::Nothing,
                (false, true) => Reuse::Numbers,
                (false, false) => Reuse::Everything,
            },
        }
    }
}

/// Whether a metric is measured without being asked for, so that stored reports have it.
fn comes_along(metric: &Metric, command: bool) -> bool {
    match metric {
        Metric::Instructions | Metric::InstructionsCold | Metric::BinarySize => true,
        Metric::CpuTime | Metric::PeakRss | Metric::PageFaults => command,
        Metric::WallTime | Metric::Own(_) => false,
    }
}

/// The commits that two revisions name, if a search between them makes sense.
///
/// # Errors
/// [`Error::Usage`] that says what to write instead.
pub fn ends(repo: &Repo, good: &str, bad: &str) -> Result<(Sha, Sha)> {
    let (g, b) = (repo.resolve(good)?, repo.resolve(bad)?);
    if g == b {
        return Err(Error::Usage(format!(
            "GOOD and BAD are the same commit, {}: there is nothing between them",
            g.short()
        )));
    }
    if repo.is_ancestor(&g, &b) {
        return Ok((g, b));
    }
    if repo.is_ancestor(&b, &g) {
        return Err(Error::Usage(format!(
            "the ends are swapped: {bad} is the older one. `uptick bisect {bad} {good}` finds the \
             commit that made it worse; with --fixed, the one that made it better"
        )));
    }
    let base = repo.merge_base(&g, &b)?;
    let hint = match base {
        _ if repo.is_shallow() => {
            "this clone is shallow: `git fetch --unshallow` brings the rest of the history".into()
        }
        Some(base) => format!(
            "their histories part at {0}: `uptick bisect {0} {bad}` searches the branch of BAD",
            base.short()
        ),
        None => "they share no history".into(),
    };
    Err(Error::Usage(format!(
        "GOOD ({good}) is no ancestor of BAD ({bad}); {hint}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_goes_the_way_that_is_worse() {
        let cost = Metric::Instructions;
        let yields = Metric::stored("throughput", "1/s", Better::Higher);
        for (metric, fixed, direction) in [
            (&cost, false, Direction::Up),
            (&cost, true, Direction::Down),
            (&yields, false, Direction::Down),
            (&yields, true, Direction::Up),
        ] {
            let request = Request {
                fixed,
                ..Request::default()
            };
            assert_eq!(request.direction(metric), direction, "{metric} {fixed}");
        }
    }
}
