//! `uptick bisect` and `uptick bisect-step`: from "it got slower" to the commit.

use collector::bisect::{self, Collectors, Journal, Request};
use collector::collect::{Asked, OnDemand};
use collector::config::Fraction;
use collector::error::{EXIT_OK, Error};
use collector::git::Repo;
use collector::model::{Metric, Sha};
use collector::remote::Server;
use collector::run::{Home, Outside, Runner, Source};
use collector::search::{Action, Observation, StepVerdict};
use collector::suite::Overlay;
use collector::{format, report};
use serde_json::json;

use crate::args::{Args, Bisect, BisectCommand, BisectLog, BisectStep, Subject};
use crate::progress::Terminal;
use crate::{context, interrupt, print, token};

/// `git bisect run` stops at codes from here on; below, they are words about the commit.
pub(crate) const STOP: u8 = 128;

pub(crate) fn run(args: &Args, a: &Bisect) -> anyhow::Result<u8> {
    if let Some(BisectCommand::Log(log)) = &a.command {
        return say_log(args, log);
    }
    let repo = Repo::open(&args.dir)?;
    let (mut journal, mut runner, collectors) = open(&repo, a)?;
    let mut store = context::store(args)?;
    interrupt::say("`uptick bisect --resume` goes on");
    let progress = Terminal::new();
    let finding = bisect::run(
        &mut runner,
        &mut store,
        &mut journal,
        a.jobs.get(),
        collectors.as_ref().map(|c| c as &dyn Collectors),
        &progress,
    );
    progress.clear();
    let finding = finding.inspect_err(|e| {
        // What was asked cannot be answered: going on would say the same.
        if !matches!(e, Error::Usage(_) | Error::NoVerdict(_)) {
            print::note("note: `uptick bisect --resume` goes on where this stopped");
        }
    })?;
    if let Some(file) = &a.markdown {
        collector::files::write(file, &report::bisect::markdown(&finding))?;
    }
    if a.json {
        print::json(&finding)?;
    } else {
        print::out(&report::bisect::text(&finding, &context::here()))?;
    }
    Ok(finding.exit_code())
}

/// The log and the runner of a new search, or of the one to go on with.
fn open(repo: &Repo, a: &Bisect) -> anyhow::Result<(Journal, Runner, Option<OnDemand>)> {
    if a.resume {
        let mut journal = Journal::resume(&bisect::logs(&Home::of(repo)))?;
        journal.request.quick |= a.quick;
        let collectors = on_demand(&journal.request, a)?;
        let runner = runner(repo, &journal.request, &journal.overlay)?;
        journal.refuse_edited(runner.outside())?;
        return Ok((journal, runner, collectors));
    }
    let mut request = request(repo, a)?;
    request.refuse_missing_program(repo, &context::file(repo)?)?;
    let collectors = on_demand(&request, a)?;
    request.series = collectors.as_ref().map(|c| c.series().to_string());
    let overlay = Overlay::take(repo, Home::make(repo)?.dir(), &a.subject.overlay)?;
    let runner = runner(repo, &request, &overlay)?;
    let logs = bisect::logs(runner.home());
    let journal = Journal::create(&logs, &request, &overlay, runner.outside())?;
    Ok((journal, runner, collectors))
}

/// The collectors of the server that is named.
fn on_demand(request: &Request, a: &Bisect) -> anyhow::Result<Option<OnDemand>> {
    let Some(address) = &request.server else {
        return Ok(None);
    };
    let token = token::given(a.token_file.as_deref(), "write")?;
    let asked = Asked {
        project: request.project.clone(),
        series: request.series.clone(),
        benchmark: request.benchmark.clone(),
        metric: request.metric.clone().unwrap_or(Metric::Instructions),
        label: request.label.clone(),
        retry: a.retry,
    };
    Ok(Some(OnDemand::open(Server::at(address, &token)?, asked)?))
}

fn runner(repo: &Repo, request: &Request, overlay: &Overlay) -> anyhow::Result<Runner> {
    let mut config = context::load(repo)?;
    if let Some(note) = request.adopt(repo, &mut config) {
        print::note(&format!("note: {note}"));
    }
    request.configure(&mut config)?;
    if request.server.is_some() {
        // This machine counts nothing, and need not be able to.
        config.suite.counter = "clock".into();
    }
    for command in &config.commands {
        let why = Outside::escapes(command, repo.root());
        if let Some(why) = why.filter(|_| config.wants(&command.name)) {
            print::note(&format!("note: {why}"));
        }
    }
    let mut runner = Runner::open(repo.clone(), config)?;
    runner.overlay(overlay.clone());
    runner.comparing();
    Ok(runner)
}

fn request(repo: &Repo, a: &Bisect) -> anyhow::Result<Request> {
    let (Some(good), Some(bad)) = (&a.good, &a.bad) else {
        return Err(Error::Usage(
            "name both ends: `uptick bisect GOOD BAD --bench NAME`; or go on with --resume".into(),
        )
        .into());
    };
    let subject = subject(&a.subject)?;
    let (good, bad) = bisect::ends(repo, good, bad)?;
    Ok(Request {
        good: good.0,
        bad: bad.0,
        all: a.all,
        retry: a.retry,
        fresh: a.fresh,
        quick: a.quick,
        server: a.server.clone(),
        project: a.project.clone(),
        label: a.label.clone(),
        ..subject
    })
}

/// A request that says what is counted, and nothing yet of where.
fn subject(s: &Subject) -> anyhow::Result<Request> {
    Ok(Request {
        benchmark: benchmark(s.bench.as_deref(), s.run.as_deref())?,
        metric: s.metric.as_deref().map(metric).transpose()?,
        counter: s.counter.clone(),
        build: s.build.clone(),
        run: s.run.clone(),
        fixed: s.fixed,
        limit: Fraction::of_flag("--limit", s.limit.as_deref())?,
        overlay: s.overlay.clone(),
        ..Request::default()
    })
}

/// A program without a name is called by its command.
fn benchmark(bench: Option<&str>, run: Option<&str>) -> anyhow::Result<String> {
    match bench.or(run) {
        Some(name) => Ok(name.to_string()),
        None => Err(Error::Usage(
            "name the benchmark with --bench NAME (`uptick list` shows them), or count any program \
             with --build CMD --run CMD"
                .into(),
        )
        .into()),
    }
}

fn metric(text: &str) -> anyhow::Result<Metric> {
    Metric::well_known(text).ok_or_else(|| {
        let known: Vec<&str> = Metric::WELL_KNOWN.iter().map(Metric::name).collect();
        let known = known.join(", ");
        Error::Usage(format!(
            "--metric: `{text}` is none that is measured here; there are {known}"
        ))
        .into()
    })
}

/// What the newest search was told, and what it says to that.
fn say_log(args: &Args, a: &BisectLog) -> anyhow::Result<u8> {
    let repo = Repo::open(&args.dir)?;
    let journal = Journal::latest(&bisect::logs(&Home::of(&repo)))?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.bisect-log/1",
            "request": journal.request,
            "sections": journal.sections,
            "ended": journal.ended.as_ref().map(|(outcome, suspects)| json!({
                "outcome": outcome, "suspects": suspects,
            })),
        }))?;
        return Ok(EXIT_OK);
    }
    let mut out = vec![format!("{}", journal.path().display())];
    let short = |sha: &str| Sha(sha.to_string()).short().to_string();
    let r = &journal.request;
    out.push(format!(
        "{} from {} to {}",
        format::name(&r.benchmark, 40),
        short(&r.good),
        short(&r.bad)
    ));
    for section in &journal.sections {
        out.extend(replayed(section)?);
    }
    print::out(&(out.join("\n") + "\n"))?;
    Ok(EXIT_OK)
}

fn replayed(section: &bisect::Section) -> anyhow::Result<Vec<String>> {
    let name = |i: usize| section.commits.get(i).map_or("?", Sha::short);
    let mut out = vec![format!(
        "{}..{}: {}",
        name(0),
        name(section.commits.len() - 1),
        format::plural(section.commits.len() - 1, "commit")
    )];
    for (i, known) in section.range.commits.iter().enumerate() {
        if !known.known.is_empty() {
            let values: Vec<String> = known.known.iter().map(|x| format::thousands(*x)).collect();
            out.push(format!("  {}  {} (stored)", name(i), values.join(" ")));
        }
    }
    for (i, e) in section.entries.iter().enumerate() {
        let from = match section.sources.get(i) {
            Some(Some(Source::Stored)) => " (stored)",
            Some(Some(Source::EqualBuild)) => " (an equal build, stored)",
            _ => "",
        };
        let what = match &e.observation {
            Observation::Values(v) => v
                .iter()
                .map(|x| format::thousands(*x))
                .collect::<Vec<_>>()
                .join(" "),
            Observation::Skip(why) => {
                format!("skipped: {}", format::telling(why, 55))
            }
        };
        out.push(format!("  {}  {what}{from}", name(e.commit)));
    }
    out.push(match bisect::replay(section)? {
        Action::Measure(probes) => {
            let next: Vec<&str> = probes.iter().map(|p| name(p.commit)).collect();
            format!("  next: {}", next.join(" "))
        }
        Action::Done(outcome) => {
            let suspects: Vec<&str> = outcome.suspects.iter().map(|&i| name(i)).collect();
            format!(
                "  {:?} {} ({:.0} % sure)",
                outcome.answer,
                suspects.join(" "),
                100.0 * outcome.confidence
            )
        }
    });
    Ok(out)
}

/// One word about HEAD for `git bisect run`. Nothing that goes wrong may pass for a verdict:
/// every error becomes a code that stops the bisection.
pub(crate) fn step(args: &Args, a: &BisectStep) -> u8 {
    match judge(args, a) {
        Ok(code) => code,
        Err(e) => {
            print::error(&format!("{e:#}"));
            STOP + e.downcast_ref::<Error>().map_or(0, Error::exit_code)
        }
    }
}

fn judge(args: &Args, a: &BisectStep) -> anyhow::Result<u8> {
    let repo = Repo::open(&args.dir)?;
    let told = repo.bisect_ends();
    let end = |named: &Option<String>, told: Option<Sha>, name: &str| match (named, told) {
        (Some(rev), _) => repo.resolve(rev),
        (None, Some(sha)) => Ok(sha),
        (None, None) => Err(Error::Usage(format!(
            "no `git bisect` with both ends is under way here: name --{name} REV"
        ))),
    };
    let request = Request {
        good: end(&a.good, told.clone().map(|t| t.0), "good")?.0,
        bad: end(&a.bad, told.map(|t| t.1), "bad")?.0,
        ..subject(&a.subject)?
    };
    request.refuse_missing_program(&repo, &context::file(&repo)?)?;
    let overlay = Overlay::take(&repo, Home::make(&repo)?.dir(), &a.subject.overlay)?;
    let head = repo.resolve(&a.rev)?;
    let mut runner = runner(&repo, &request, &overlay)?;
    let mut store = context::store(args)?;
    let progress = Terminal::new();
    let answer = bisect::judge_head(&mut runner, &mut store, &request, &head, &progress);
    progress.clear();
    let answer = answer?;
    let word = match answer.verdict {
        StepVerdict::Good => "good".to_string(),
        StepVerdict::Bad => "bad".to_string(),
        StepVerdict::Skip => {
            format!("skip: {}", format::telling(&answer.why, 60))
        }
    };
    let value = answer
        .value
        .map_or_else(String::new, |v| format!(" {}", format::thousands(v)));
    let (good, bad) = answer.ends;
    print::out(&format!(
        "{}{value} {word} (good {}, bad {})\n",
        head.short(),
        format::thousands(good),
        format::thousands(bad)
    ))?;
    Ok(answer.verdict.exit_code())
}
