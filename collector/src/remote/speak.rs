//! What a check says on a forge: one comment of the pull request, the status of its head. The step of
//! a CI and a server say it by this one function.

use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::judge::Checked;
use crate::remote::Client;
use crate::remote::forge::publish::{Posted, Publisher, WhenWell};
use crate::remote::forge::{self, CiRun};
use crate::report::comment::{self, Leg, LegSection, Style};

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
    /// Whether there is a comment, and what happens to it where nothing asks for attention.
    pub comment: Option<WhenWell>,
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
    /// The pull request.
    pub pull: Option<u64>,
}

/// Comments and sets statuses, one section and one status a leg.
///
/// # Errors
/// [`crate::error::Error::Remote`] when the forge refuses or cannot be reached.
pub fn speak(place: &CiRun, speech: &Speech<'_>) -> Result<Said> {
    let api = forge::api(place);
    let wire = Client::new(api.headers(), speech.certificates);
    let publisher = Publisher::new(place, api.as_ref(), &wire, speech.settle);
    let pull = publisher.pull()?;
    let mut said = Said {
        pull,
        ..Said::default()
    };
    if speech.status {
        for (leg, checked) in speech.legs {
            let link = place.link.as_deref();
            let status = forge::status(checked, speech.project, leg, link);
            publisher.status(pull, &status)?;
        }
        said.status = true;
    }
    if let (Some(pull), Some(well)) = (pull, speech.comment) {
        let all = sections(place, speech, api.style());
        said.comment = Some(publisher.comment(pull, speech.project, &all, well)?);
    }
    Ok(said)
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
            link: place.link.clone(),
            pictures: place.pictures.clone(),
        };
        comment::section(checked, &leg, style)
    };
    speech.legs.iter().map(section).collect()
}
