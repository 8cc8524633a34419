//! One comment for a pull request, however many legs of a matrix speak at once.
//!
//! No forge edits on condition that nobody else did. So each leg reads what stands, adds its own
//! section, writes, waits for longer than another leg needs from reading to writing, and reads
//! again: until what stands is what it would write. Of two comments that were made at the same
//! moment the one with the lowest number stays, for every leg sees the same numbers.

use std::time::Duration;

use super::interface::{Api, Comment, CommitStatus};
use super::place::{CiRun, PullRequest};
use super::talk::Talk;
use super::wire::Wire;
use crate::error::{Error, Result};
use crate::report::comment::{self, LegSection, Style, Voice};

/// How often a leg writes and reads again before it lets things be.
const ROUNDS: usize = 20;
/// How often a list may lack what was written before it was asked for.
const UNSEEN: usize = 4;
/// A leg waits from once to twice this long between writing and looking.
pub const SETTLE: Duration = Duration::from_secs(2);

/// What is done where nothing asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenWell {
    /// A comment that stands is made short; none is posted.
    #[default]
    Shorten,
    /// A comment is posted all the same.
    Post,
    /// A comment that stands is removed.
    Remove,
}

/// How a comment is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// What is done where nothing asks for attention.
    pub well: WhenWell,
    /// Whether others may speak under the same names.
    pub voice: Voice,
}

/// What has become of the comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// There is a new one.
    Created(Option<String>),
    /// The one that stood is edited.
    Edited(Option<String>),
    /// It says already what is to be said.
    Unchanged,
    /// It is gone: nothing asks for attention.
    Removed,
    /// There is none, and need not be.
    Unneeded,
    /// A later run has spoken.
    Outdated,
}

impl Posted {
    /// In one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Edited(_) => "edited",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Unneeded => "unneeded",
            Self::Outdated => "outdated",
        }
    }

    /// The page of the comment, where the forge gives one.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Created(link) | Self::Edited(link) => link.as_deref(),
            _ => None,
        }
    }
}

/// What became of the comment, and of what was to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What became of the comment.
    pub posted: Posted,
    /// For which of the sections something worse stands, said in the same try under their name.
    pub outvoted: Vec<bool>,
}

/// A forge, ready to be spoken to.
pub struct Publisher<'a> {
    place: &'a CiRun,
    talk: Talk<'a>,
    settle: Duration,
}

impl<'a> Publisher<'a> {
    /// Speaks at a place.
    #[must_use]
    pub fn new(place: &'a CiRun, api: &'a dyn Api, wire: &'a dyn Wire, settle: Duration) -> Self {
        let secret = place.token.as_ref().map(super::place::Secret::reveal);
        let name = format!("{} ({})", place.kind.name(), host(&place.api));
        Self {
            place,
            talk: Talk::new(api, wire, name, secret, settle),
            settle,
        }
    }

    /// The pull request that the run belongs to.
    ///
    /// # Errors
    /// When the forge cannot be asked.
    pub fn pull(&self) -> Result<Option<u64>> {
        let (owner, branch) = match &self.place.pull {
            PullRequest::None => return Ok(None),
            PullRequest::Number(n) | PullRequest::Headless(n) => return Ok(Some(*n)),
            PullRequest::Of { owner, branch } => (owner, branch),
        };
        let Some(request) = self.talk.api.pulls_of(owner, branch) else {
            return Ok(None);
        };
        let answer = self.talk.ask(&request, "looking for the pull request")?;
        Ok(self.talk.api.pull_at(&answer.json(), &self.place.head))
    }

    /// The head of a pull request, where the event does not say it.
    ///
    /// # Errors
    /// When the forge cannot be asked, or does not say.
    pub fn head(&self, pull: u64) -> Result<String> {
        let what = "looking for the pull request's head";
        let request = self.talk.api.pull(pull);
        let answer = match &request {
            Some(request) => self.talk.ask(request, what)?.json(),
            None => serde_json::Value::Null,
        };
        let head = self.talk.api.head_in(&answer);
        head.ok_or_else(|| Error::Remote(format!("{what}: it does not say; set UPTICK_FORGE_HEAD")))
    }

    /// Says the sections of one or several legs in the comment of a pull request.
    ///
    /// # Errors
    /// When the forge refuses or cannot be reached.
    pub fn comment(&self, pull: u64, project: &str, own: &[LegSection], how: How) -> Result<Heard> {
        let mut me = self.me()?;
        let mut posted = None;
        let mut outvoted = vec![false; own.len()];
        // How often the list did not show what was made before it.
        let mut unseen = 0;
        for _ in 0..ROUNDS {
            let mut standing = self.talk.comments(pull)?;
            standing.retain(|c| me.contains(&c.author) && comment::is_of(&c.body, project));
            standing.sort_by_key(|c| c.id);
            let mut plan = plan(&standing, project, own, how, self.talk.style())?;
            if posted.is_some() && others_name(&standing, own) {
                plan = Plan::Stands;
            }
            if let (Plan::Create(_), Some(_)) = (&plan, &posted) {
                unseen += 1;
                if unseen == UNSEEN {
                    break;
                }
                plan = Plan::Wait;
            }
            outvoted = is_outvoted(&standing, own);
            match self.follow(pull, plan, standing.is_empty())? {
                Done::Wrote(what) => posted = posted.or(Some(what)),
                Done::Made(what, author) => {
                    posted = posted.or(Some(what));
                    // Where the forge did not say who we are it does now, and what earlier runs
                    // left is found and kept instead.
                    me.extend(author);
                }
                Done::Waited => {}
                Done::Nothing(what) => {
                    let posted = posted.unwrap_or(what);
                    return Ok(Heard { posted, outvoted });
                }
            }
            let time = self.settle.mul_f64(1.0 + self.talk.wire.random());
            self.talk.wire.pause(time);
        }
        // Others write all the time: what is said last counts, and this leg was heard.
        let posted = posted.unwrap_or(Posted::Unchanged);
        Ok(Heard { posted, outvoted })
    }

    fn follow(&self, pull: u64, plan: Plan, none: bool) -> Result<Done> {
        let api = self.talk.api;
        match plan {
            Plan::Wait => Ok(Done::Waited),
            Plan::Outdated => Ok(Done::Nothing(Posted::Outdated)),
            Plan::Stands if none => Ok(Done::Nothing(Posted::Unneeded)),
            Plan::Stands => Ok(Done::Nothing(Posted::Unchanged)),
            Plan::Create(body) => {
                let answer = self
                    .talk
                    .ask(&api.create(pull, &body), "writing a comment")?;
                let made = api.comments(&answer.json()).into_iter().next();
                let (link, author) = made.map_or((None, None), |c| (c.link, Some(c.author)));
                Ok(Done::Made(Posted::Created(link), author))
            }
            Plan::Write { edit, delete } => {
                let mut done = Posted::Unchanged;
                if let Some((comment, body)) = edit {
                    self.edited(pull, &comment, &body)?;
                    done = Posted::Edited(comment.link);
                }
                for id in delete {
                    self.deleted(pull, id)?;
                }
                Ok(Done::Wrote(done))
            }
            Plan::Remove(ids) => {
                for id in ids {
                    self.deleted(pull, id)?;
                }
                Ok(Done::Wrote(Posted::Removed))
            }
        }
    }

    /// Another leg may have removed it in between; the next round sees that.
    fn edited(&self, pull: u64, comment: &Comment, body: &str) -> Result<()> {
        let request = self.talk.api.edit(pull, comment.id, body);
        let answer = self.talk.answer(&request, "editing the comment")?;
        match answer.status {
            200..300 | 404 | 409 | 410 => Ok(()),
            _ => Err(self.talk.refused(&answer, "editing the comment")),
        }
    }

    fn deleted(&self, pull: u64, id: u64) -> Result<()> {
        let answer = self
            .talk
            .answer(&self.talk.api.delete(pull, id), "removing a comment")?;
        match answer.status {
            200..300 | 404 | 410 => Ok(()),
            _ => Err(self.talk.refused(&answer, "removing a comment")),
        }
    }

    /// Who we are: only our own comments are touched, whatever stands in others.
    fn me(&self) -> Result<Vec<String>> {
        if let Some(author) = &self.place.author {
            return Ok(vec![author.clone()]);
        }
        for request in self.talk.api.whoami() {
            let answer = self.talk.answer(&request, "asking who this is")?;
            if answer.status == 401 {
                return Err(self.talk.refused(&answer, "asking who this is"));
            }
            let known = self
                .talk
                .api
                .me(&answer.json())
                .filter(|_| answer.status == 200);
            if let Some(me) = known {
                return Ok(vec![me]);
            }
        }
        let otherwise = self.talk.api.otherwise();
        if otherwise.is_empty() {
            return Err(Error::Remote(format!(
                "{} does not say whose token this is; UPTICK_FORGE_USER names its user",
                self.place.kind.name()
            )));
        }
        Ok(otherwise.iter().map(ToString::to_string).collect())
    }

    /// Sets the state of the head.
    ///
    /// # Errors
    /// When the forge refuses or cannot be reached.
    pub fn status(&self, pull: Option<u64>, status: &CommitStatus) -> Result<()> {
        for request in self.talk.api.status(pull, &self.place.head, status) {
            self.talk.ask(&request, "setting the commit's status")?;
        }
        Ok(())
    }
}

/// The host of an address, for messages: no path, no user, no secret.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    host.rsplit('@').next().unwrap_or(host)
}

enum Done {
    Wrote(Posted),
    /// A new comment, and whose it is.
    Made(Posted, Option<String>),
    /// A list that lags shows later what was written.
    Waited,
    Nothing(Posted),
}

/// What is to be done with the comments that stand.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Stands,
    Wait,
    Outdated,
    Create(String),
    Write {
        edit: Option<(Comment, String)>,
        delete: Vec<u64>,
    },
    Remove(Vec<u64>),
}

/// Whether another leg speaks under our name in the same run. It had the last word: two that
/// correct each other would go on for ever. `--leg` tells them apart.
fn others_name(standing: &[Comment], own: &[LegSection]) -> bool {
    let turn = |s: &comment::LegState| (s.head.clone(), s.id.clone(), s.run, s.attempt);
    let said = said(standing);
    let taken = |own: &LegSection| {
        let same = |s: &&LegSection| turn(&s.state) == turn(&own.state);
        let mut ours = said.iter().filter(same).peekable();
        ours.peek().is_some() && ours.all(|s| s.state.text != own.state.text)
    };
    own.iter().any(taken)
}

/// What stands in all of our comments.
fn said(standing: &[Comment]) -> Vec<LegSection> {
    standing
        .iter()
        .flat_map(|c| comment::sections(&c.body))
        .collect()
}

/// Which of our sections do not stand although nothing later does.
fn is_outvoted(standing: &[Comment], own: &[LegSection]) -> Vec<bool> {
    let all = said(standing);
    let worse = |s: &LegSection, own: &LegSection| {
        let of = |s: &LegSection| (s.state.id.clone(), s.state.head.clone(), s.state.run);
        of(s) == of(own) && s.state.disputed && s.state.text != own.state.text
    };
    let is = |own: &LegSection| all.iter().any(|s| worse(s, own));
    own.iter().map(is).collect()
}

fn plan(
    standing: &[Comment],
    project: &str,
    own: &[LegSection],
    how: How,
    style: Style,
) -> Result<Plan> {
    let How { well, voice } = how;
    let add = |all: Vec<LegSection>, own: &LegSection| comment::merged(&all, own, voice);
    let Some(wanted) = own.iter().try_fold(said(standing), add) else {
        return Ok(Plan::Outdated);
    };
    let head = own.last().map_or("", |s| &s.state.head);
    let body = || comment::body(project, &wanted, head, style);
    let quiet = comment::all_well(&wanted);
    let Some((first, others)) = standing.split_first() else {
        return Ok(if quiet && well != WhenWell::Post {
            Plan::Stands
        } else {
            Plan::Create(body()?)
        });
    };
    if quiet && well == WhenWell::Remove {
        return Ok(Plan::Remove(standing.iter().map(|c| c.id).collect()));
    }
    // Forges trim and re-flow texts: the markers say whether it is the same.
    let says = |body: &str| -> Vec<comment::LegState> {
        let all = comment::sections(body);
        all.into_iter().map(|s| s.state).collect()
    };
    let body = body()?;
    let same = says(&first.body) == says(&body);
    let edit = (!same).then(|| (first.clone(), body));
    let delete: Vec<u64> = others.iter().map(|c| c.id).collect();
    if edit.is_none() && delete.is_empty() {
        return Ok(Plan::Stands);
    }
    Ok(Plan::Write { edit, delete })
}
