//! What a check says on a forge: one comment of the pull request, the status of its head. The step of
//! a CI and a server say it by this one function.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::judge::Checked;
use crate::model::Sha;
use crate::remote::Client;
use crate::remote::forge::publish::{How, Posted, Publisher};
use crate::remote::forge::{self, CiRun, PullRequest};
use crate::report::comment::{self, Leg, LegSection, Style, Voice};

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub struct Speech<'a> {
    /// What each leg came to, by its name; one leg alone needs none.
    pub legs: &'a [(String, &'a Checked)],
    /// The project's name, where several speak of one pull request.
    pub project: &'a str,
    /// The job that the legs are of.
    pub job: &'a str,
    /// Whether the commit's status is set.
    pub status: bool,
    /// Whether there is a comment, and how it is spoken.
    pub comment: Option<How>,
    /// How long legs give each other.
    pub settle: Duration,
    /// A bundle of certificates that are trusted.
    pub certificates: Option<&'a Path>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Said {
    /// The comment.
    pub comment: Option<Posted>,
    /// Whether a status was set.
    pub status: bool,
    /// Whether another leg of the same name had said something worse in this run.
    pub outvoted: bool,
    /// The pull request.
    pub pull: Option<u64>,
    /// What the forge refused; the rest was done.
    pub refused: Vec<Error>,
}

/// Comments and sets statuses, one section and one status a leg. What the forge refuses of the one
/// does not keep the other from being said.
///
/// # Errors
/// [`Error::Remote`] when the forge cannot be asked which pull request it is; [`Error::Usage`] when
/// what was judged is another commit than the one that is spoken about.
pub fn speak(place: &CiRun, speech: &Speech<'_>) -> Result<Said> {
    let api = forge::api(place);
    let wire = Client::new(api.headers(), speech.certificates);
    let publisher = |place| Publisher::new(place, api.as_ref(), &wire, speech.settle);
    let place = &match place.pull {
        PullRequest::Headless(n) => CiRun {
            head: publisher(place).head(n)?,
            ..place.clone()
        },
        _ => place.clone(),
    };
    for (_, checked) in speech.legs {
        is_about(checked, &place.head)?;
    }
    let publisher = publisher(place);
    let pull = publisher.pull()?;
    let mut said = Said {
        pull,
        ..Said::default()
    };
    let mut outvoted = vec![false; speech.legs.len()];
    // Who speaks alone need not wait for what others say.
    let alone = speech.comment.is_none_or(|how| how.voice == Voice::Alone);
    if alone {
        set_statuses(&publisher, place, speech, &outvoted, &mut said);
    }
    if let (Some(pull), Some(how)) = (pull, speech.comment) {
        let all = sections(place, speech, api.style());
        match publisher.comment(pull, speech.project, &all, how) {
            Ok(heard) => {
                outvoted = heard.outvoted;
                said.comment = Some(heard.posted);
            }
            Err(e) => said.refused.push(e),
        }
    }
    if !alone {
        set_statuses(&publisher, place, speech, &outvoted, &mut said);
    }
    said.outvoted = outvoted.contains(&true);
    Ok(said)
}

/// Sets the status of each leg that nothing worse was said of.
fn set_statuses(
    publisher: &Publisher<'_>,
    place: &CiRun,
    speech: &Speech<'_>,
    outvoted: &[bool],
    said: &mut Said,
) {
    if !speech.status {
        return;
    }
    let told = speech.legs.iter().zip(outvoted).filter(|(_, o)| !**o);
    let set = told.map(|((leg, checked), _)| {
        let link = place.link.as_deref();
        publisher.status(
            said.pull,
            &forge::status(checked, speech.project, leg, link),
        )
    });
    let refused: Vec<Error> = set.filter_map(Result::err).collect();
    said.status = refused.is_empty() && outvoted.contains(&false);
    // One refusal says what all say.
    said.refused.extend(refused.into_iter().next());
}

/// Refuses what was judged of another commit: a status or a comment would speak of code that nobody
/// looked at.
fn is_about(checked: &Checked, head: &str) -> Result<()> {
    let Checked::Judged(j) = checked else {
        return Ok(());
    };
    let known = !j.asked.is_empty();
    let named = |sha: &Sha| sha.0 == head;
    if !known || named(&j.head.sha) || j.asked.iter().any(named) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "nothing is posted: {} was judged, and this run speaks of {}; check out that commit, or \
         name the other in UPTICK_FORGE_HEAD",
        j.asked[0].short(),
        head.get(..9).unwrap_or(head)
    )))
}

/// One section a leg, as they stand in the comment.
#[must_use]
pub fn sections(place: &CiRun, speech: &Speech<'_>, style: Style) -> Vec<LegSection> {
    let section = |(leg, checked): &(String, &Checked)| {
        let leg = Leg {
            name: leg.clone(),
            job: speech.job.to_string(),
            machine: std::env::consts::ARCH.to_string(),
            head: place.head.clone(),
            run: place.run,
            attempt: place.attempt,
            ci: place.ci.to_string(),
            link: place.link.clone(),
            pictures: place.pictures.clone(),
        };
        comment::section(checked, &leg, style)
    };
    speech.legs.iter().map(section).collect()
}
