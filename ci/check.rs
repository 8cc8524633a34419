//! `uptick check` and `uptick compare`: one commit against its baseline.

use std::path::Path;

use collector::check::baseline;
use collector::check::event::Event;
use collector::check::{self, Options};
use collector::error::{EXIT_FAILED, EXIT_OK, Error};
use collector::git::Repo;
use collector::judge::{Checked, Judgement};
use collector::model::{Tags, Variants};
use collector::report;

use crate::args::{Args, Check, Compare, Judging};
use crate::progress::Terminal;
use crate::{context, forge, interrupt, print};

pub(crate) fn check(args: &Args, a: &Check) -> anyhow::Result<u8> {
    let judged =
        deepened(args, a).and_then(|()| judge(args, &a.judging, &a.head, a.base.as_deref(), true));
    let checked = match judged {
        Ok(judgement) => Checked::Judged(Box::new(judgement)),
        Err(e) => {
            // What went wrong first is the answer.
            if let Err(other) = leave(args, &failed(&e), a) {
                print::note(&format!("note: {other:#}"));
            }
            return Err(e);
        }
    };
    let Checked::Judged(judgement) = &checked else {
        return Ok(EXIT_FAILED);
    };
    // Neither keeps the other: a file that cannot be written hides no verdict.
    let said = say(judgement, &a.judging);
    leave(args, &checked, a)?;
    said?;
    Ok(judgement.exit_code())
}

/// Fetches what the clone lacks, where that is asked for: the rest of a shallow one's history, and
/// the branch that a baseline is looked for on.
fn deepened(args: &Args, a: &Check) -> anyhow::Result<()> {
    if !a.deepen {
        return Ok(());
    }
    let repo = Repo::open(&args.dir)?;
    repo.deepen()?;
    if a.base.is_none() {
        let brought = baseline::bring(&repo, &context::file(&repo)?, &event_of(&a.head));
        // There may be a baseline without it.
        brought.unwrap_or_else(|e| print::note(&format!("note: {e}")));
    }
    Ok(())
}

/// The event that a head is of: an event speaks of what is checked out.
fn event_of(head: &str) -> Event {
    match head {
        "HEAD" => context::event(),
        _ => Event::default(),
    }
}

/// A check that came to nothing, as its files and its comment say it.
fn failed(error: &anyhow::Error) -> Checked {
    let code = error.downcast_ref::<Error>();
    Checked::Failed {
        message: format!("{error:#}"),
        code: code.map_or(EXIT_FAILED, Error::exit_code),
    }
}

/// What the check leaves for others: files, a comment, a status. One that cannot be left keeps
/// none of the rest.
fn leave(args: &Args, checked: &Checked, a: &Check) -> anyhow::Result<()> {
    let left = [
        document(args, checked, a),
        files(checked, a),
        summary(checked, &a.judging),
    ];
    if a.comment.is_some() || a.speaker.status {
        forge::say(checked, &a.speaker, a.comment);
    }
    left.into_iter().collect()
}

fn document(args: &Args, checked: &Checked, a: &Check) -> anyhow::Result<()> {
    if let Some(file) = &a.judgement {
        let mut document = match checked {
            Checked::Judged(j) => serde_json::to_value(j)?,
            Checked::Failed { message, code } => args.error_document(message, *code, (None, None)),
        };
        let leg = forge::leg_name(&a.speaker);
        if !leg.is_empty() {
            document["leg"] = leg.into();
        }
        collector::files::write(file, &format!("{document:#}\n"))?;
    }
    Ok(())
}

fn files(checked: &Checked, a: &Check) -> anyhow::Result<()> {
    if let Some(file) = &a.junit {
        collector::files::write(file, &report::junit(checked))?;
    }
    // The others would say "clean" of a check that failed.
    let Checked::Judged(j) = checked else {
        return Ok(());
    };
    if let Some(file) = &a.code_quality {
        collector::files::write(file, &report::code_quality(j))?;
    }
    if let Some(file) = &a.sarif {
        collector::files::write(file, &report::sarif(j))?;
    }
    if let Some(file) = &a.openmetrics {
        collector::files::write(file, &report::openmetrics(j))?;
    }
    Ok(())
}

/// Judges without failing: a regression is an answer here, not an error.
pub(crate) fn compare(args: &Args, a: &Compare) -> anyhow::Result<u8> {
    let judgement = if a.against.is_empty() {
        let head = a.head.as_deref().unwrap_or("HEAD");
        judge(args, &a.judging, head, Some(&a.base), false)?
    } else {
        judge_variants(args, a)?
    };
    if let Some(file) = &a.judging.markdown {
        collector::files::write(file, &report::markdown(&judgement))?;
    }
    say(&judgement, &a.judging)?;
    Ok(match judgement.exit_code() {
        collector::error::EXIT_REGRESSED => EXIT_OK,
        code => code,
    })
}

fn judge(
    args: &Args,
    judging: &Judging,
    head: &str,
    base: Option<&str>,
    release: bool,
) -> anyhow::Result<Judgement> {
    let options = options(judging, release)?;
    let mut runner = context::runner(args, &judging.measuring)?;
    let mut store = context::store(args)?;
    interrupt::say("commits that are done are stored; the same command goes on");
    let progress = Terminal::new();
    let sha = runner.repo().resolve(head)?;
    let event = event_of(head);
    let baseline = baseline::choose(runner.repo(), runner.config(), &sha, base, &event)?;
    if head == "HEAD" && runner.repo().is_dirty() {
        print::note("note: uncommitted changes are not measured; HEAD is");
    }
    let several = baseline.pushed.len() > 1;
    let judge = if several { check::push } else { check::run };
    let judgement = judge(&mut runner, &mut store, &sha, baseline, &options, &progress);
    progress.clear();
    let mut judgement = judgement?;
    judgement.asked = runner.repo().merged(&sha)?;
    Ok(judgement)
}

/// One variant of a commit against another.
fn judge_variants(args: &Args, a: &Compare) -> anyhow::Result<Judgement> {
    let parse = |what: &str, pairs: &[String]| {
        Tags::parse(pairs).map_err(|e| Error::Usage(format!("{what}: {e}")))
    };
    let tags = parse("--tag", &a.judging.measuring.tag)?;
    let against = parse("--against", &a.against)?;
    let variants = Variants::of(&tags, &against)
        .map_err(|e| Error::Usage(format!("--tag and --against: {e}")))?;
    let options = options(&a.judging, false)?;
    let mut runner = context::runner(args, &a.judging.measuring)?;
    let mut store = context::store(args)?;
    interrupt::say("commits that are done are stored; the same command goes on");
    let progress = Terminal::new();
    let sha = runner.repo().resolve(&a.base)?;
    let judgement = check::variants(&mut runner, &mut store, &sha, variants, &options, &progress);
    progress.clear();
    Ok(judgement?)
}

fn options(judging: &Judging, release: bool) -> anyhow::Result<Options> {
    Ok(Options {
        overrides: context::overrides(judging)?,
        fresh: judging.fresh,
        flamegraph: judging.flamegraph,
        release,
        accepted_until: None,
        strict: judging.strict,
    })
}

/// What is read beside the log, also where nothing was judged: the file that was asked for, and in
/// GitHub Actions the step's summary and annotations. Annotations are workflow commands, which are
/// read from both streams; standard error leaves the JSON document alone.
fn summary(checked: &Checked, judging: &Judging) -> anyhow::Result<()> {
    let text = report::page_of(checked);
    if let Some(file) = &judging.markdown {
        collector::files::write(file, &text)?;
    }
    if std::env::var_os("GITHUB_ACTIONS").is_none() {
        return Ok(());
    }
    if let Checked::Judged(j) = checked {
        for line in report::annotations(j) {
            print::command(&line);
        }
    }
    if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY") {
        // The runner's file, which nobody asked for by name.
        if let Err(e) = append(Path::new(&file), &text) {
            print::note(&format!("note: the step has no summary: {e:#}"));
        }
    }
    Ok(())
}

fn say(j: &Judgement, judging: &Judging) -> anyhow::Result<()> {
    if judging.json {
        print::json(j)
    } else {
        print::out(&report::text(j, &context::here()))
    }
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let open = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    open.and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(Error::io(path))?;
    Ok(())
}
