//! What a check says on a forge: one comment of the pull request, the status of its head.

use std::path::PathBuf;
use std::time::Duration;

use collector::error::Error;
use collector::judge::Checked;
use collector::remote::forge::publish::{self, How, Posted};
use collector::remote::forge::{self, CiRun};
use collector::remote::{self, Said, Speech, speak};
use collector::report::comment::{LegSection, Style, Voice};
use serde_json::Value;

use crate::args::{Speaker, WhenWell};
use crate::{event, print};

/// Says what `check` came to. A forge that refuses is no failure of the check: a run for a fork
/// may not write, and its summary says everything.
pub(crate) fn say(checked: &Checked, speaker: &Speaker, comment: Option<WhenWell>) {
    let said = place().and_then(|place| {
        if place.token.is_none() {
            let names = place.kind.tokens().join(" or ");
            let what = format!("no token in {names}: nothing is posted (`uptick help ci`)");
            return Err(Error::Remote(what).into());
        }
        let leg = leg_name(speaker);
        post(&place, &[(leg, checked)], speaker, comment)
    });
    match said {
        Ok(said) => {
            if let Some(said) = words(&said) {
                print::note(&said);
            }
            if let Some(refusal) = refusal(&said) {
                print::note(&format!("note: {refusal}"));
            }
        }
        Err(e) => print::note(&format!("note: {e:#}")),
    }
}

/// Comments and sets statuses, one section and one status a leg.
pub(crate) fn post(
    place: &CiRun,
    legs: &[(String, &Checked)],
    speaker: &Speaker,
    comment: Option<WhenWell>,
) -> anyhow::Result<Said> {
    let certificates = set("SSL_CERT_FILE").map(PathBuf::from);
    let job = job();
    let how = |well| How {
        well: when(well),
        voice: Voice::OneOfMany,
    };
    let speech = Speech {
        status: speaker.status,
        comment: comment.map(how),
        certificates: certificates.as_deref(),
        ..speech(legs, speaker, &job)
    };
    Ok(speak(place, &speech)?)
}

/// One section a leg.
pub(crate) fn sections(
    place: &CiRun,
    legs: &[(String, &Checked)],
    speaker: &Speaker,
    style: Style,
) -> Vec<LegSection> {
    remote::sections(place, &speech(legs, speaker, &job()), style)
}

/// The job of this run, as its CI names it.
fn job() -> String {
    let named = set("GITHUB_JOB").or_else(|| set("CI_JOB_NAME"));
    named.unwrap_or_default()
}

fn speech<'a>(legs: &'a [(String, &'a Checked)], speaker: &'a Speaker, job: &'a str) -> Speech<'a> {
    Speech {
        legs,
        project: speaker.project.as_deref().unwrap_or(""),
        job,
        status: false,
        comment: None,
        settle: settle(),
        certificates: None,
    }
}

/// Where this run speaks.
pub(crate) fn place() -> anyhow::Result<CiRun> {
    let event = event::document()?;
    forge::find(&|name| set(name), &event).map_err(|e| Error::Usage(e).into())
}

/// The name of the leg: what was given, or the values of a matrix given as JSON; in GitLab's
/// parallel jobs that of the job, which holds them.
pub(crate) fn leg_name(speaker: &Speaker) -> String {
    let given = speaker.leg.as_deref().unwrap_or("").trim();
    // Every job has CI_NODE_TOTAL, 1 where it is not parallel.
    if given.is_empty() && set("CI_NODE_INDEX").is_some() {
        return set("CI_JOB_NAME").unwrap_or_default();
    }
    let Ok(Value::Object(matrix)) = serde_json::from_str::<Value>(given) else {
        // An action without a matrix says `null`.
        return if given == "null" {
            String::new()
        } else {
            given.to_string()
        };
    };
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
    matrix.values().map(text).collect::<Vec<_>>().join(", ")
}

/// What the forge refused, in one line.
pub(crate) fn refusal(said: &Said) -> Option<String> {
    let (first, more) = said.refused.split_first()?;
    let more = if more.is_empty() {
        ""
    } else {
        "; nor is the status set"
    };
    Some(format!("{first}{more}"))
}

/// What became of it, in one line; nothing where nothing was done.
pub(crate) fn words(said: &Said) -> Option<String> {
    let comment = match (&said.comment, said.pull) {
        (Some(Posted::Removed), _) => "comment removed: nothing asks for attention".into(),
        (Some(Posted::Unneeded), _) => "no comment: nothing asks for attention".into(),
        (Some(Posted::Outdated), _) => "no comment: a later run has spoken".into(),
        (Some(posted), _) => {
            let link = posted.link().map_or_else(String::new, |l| format!(": {l}"));
            format!("comment {}{link}", posted.name())
        }
        (None, None) => "no comment: this run belongs to no open pull request".into(),
        (None, Some(_)) if !said.refused.is_empty() && !said.status => return None,
        (None, Some(_)) if !said.refused.is_empty() => "no comment".into(),
        (None, Some(_)) => "no comment asked for".into(),
    };
    let status = match (said.outvoted, said.status) {
        (true, _) => {
            "; another leg of the same name came to something worse, which stands: --leg gives \
             each a name of its own"
        }
        (_, true) => "; status set",
        _ => "",
    };
    let said = format!("note: {comment}{status}");
    Some(collector::format::sentence(&said, 400))
}

const fn when(well: WhenWell) -> publish::WhenWell {
    match well {
        WhenWell::Shorten => publish::WhenWell::Shorten,
        WhenWell::Post => publish::WhenWell::Post,
        WhenWell::Remove => publish::WhenWell::Remove,
    }
}

/// How long legs give each other; shorter where a forge answers faster, as a test's does.
fn settle() -> Duration {
    let set = set("UPTICK_FORGE_SETTLE_MS").and_then(|v| v.parse().ok());
    set.map_or(publish::SETTLE, Duration::from_millis)
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
