//! Says on a project's forge what its pull requests came to, as the step of a CI does: one comment,
//! the status of the head.

use std::sync::Arc;
use std::time::Duration;

use collector::error::EXIT_NO_VERDICT;
use collector::judge::{Checked, Judgement};
use collector::remote::forge::publish::{How, SETTLE, WhenWell};
use collector::remote::forge::{CiRun, Forge, PullRequest, Secret};
use collector::remote::{Speech, speak};
use collector::report::comment::Voice;
use collector::store::Store;
use collector::store::queue::{Forge as At, Job, Pull};

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::pages;
use crate::query::commit_url;
use crate::service::server::Server;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(2);
/// Notified of in one look.
const MOST: usize = 10;
/// Milliseconds until a forge that refused or was away is tried again, and a store likewise.
const AGAIN: i64 = 300_000;
/// Milliseconds for which whoever notifies is let alone.
const LEASE: i64 = 60_000;
/// Characters of why it could not be notified.
const WHY: usize = 300;
/// This one's own section and context, told apart from what a CI of the same project says.
const LEG: &str = "server";
/// Characters of a testbed's key that name a leg of which no label is known.
const KEY: usize = 8;

/// What each leg came to, by its name.
type Legs = Vec<(String, Checked)>;

/// Notifies, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    while !server.app().is_closing() {
        tokio::time::sleep(EVERY).await;
        let own = server.app();
        let all = own.read(|store, _| Ok(store.not_notified(clock(), MOST)?));
        for pull in all.await.unwrap_or_default() {
            // What cannot be noted is said again, and finds its own comment.
            let _ = notify(&server, pull).await;
        }
    }
}

async fn notify(server: &Arc<Server>, pull: Pull) -> Result<(), Fail> {
    let (own, of) = (server.app(), pull.clone());
    let asked = own.read(move |store, _| {
        let at = store.forge(&of.project)?;
        Ok((at, store.jobs_of_pull(&of)?))
    });
    let (at, jobs) = asked.await?;
    let (Some(at), Some((app, _))) = (at, server.project(&pull.project)) else {
        return Ok(());
    };
    let of = pull.clone();
    let take = move |store: &mut Store| {
        let now = clock();
        Ok(store.take_on(&of, now, now + LEASE)?)
    };
    // Another node may be about to say the same.
    if !own.write(take).await? {
        return Ok(());
    }
    let (of, link) = (pull.clone(), app.options.public_url.clone());
    let failed = match checked(&app, &pull, &jobs).await {
        Ok(legs) => {
            let said = tokio::task::spawn_blocking(move || say(&at, &of, &legs, link));
            said.await.map_err(|_| Fail::panicked())?.err()
        }
        Err(fail) => Some(crate::text::cut(&fail.words(), WHY)),
    };
    if let Some(why) = &failed {
        tracing::warn!(project = pull.project, pull = pull.name, %why, "a forge was not notified");
    }
    own.write(move |store| {
        let failed = failed.as_ref().map(|why| (why.as_str(), clock() + AGAIN));
        Ok(store.note_notified(&pull, failed)?)
    })
    .await
}

/// What the pull request came to, from what is stored.
///
/// # Errors
/// What passes: it is looked at again, and nobody hears of it as a judgement.
async fn checked(app: &Arc<App>, of: &Pull, jobs: &[Job]) -> Result<Legs, Fail> {
    // Its report is in the log, and maybe no commit yet that a page could show.
    app.derive(|store| Ok(store.derive()?)).await?;
    let (base, head) = (of.base.clone(), of.sha.0.clone());
    let judged = app.read(move |store, app| pages::judged(store, app, (&base, &head)));
    let (all, message) = match judged.await {
        Ok(all) => (all, "Nothing of it is stored.".into()),
        Err(fail @ (Fail::NotFound(_) | Fail::Bad(_))) => (Vec::new(), fail.words()),
        Err(fail) => return Err(fail),
    };
    let legs = legs(all, jobs);
    Ok(match legs.is_empty() {
        true => vec![(LEG.into(), no_verdict(message))],
        false => legs,
    })
}

const fn no_verdict(message: String) -> Checked {
    let code = EXIT_NO_VERDICT;
    Checked::Failed { message, code }
}

/// One leg for each testbed and for each job that brought no report, called after their labels where
/// there are several.
fn legs(all: Vec<(String, Judgement)>, jobs: &[Job]) -> Legs {
    let called = |label: &str| match jobs.len() {
        0 | 1 => LEG.into(),
        _ => format!("{LEG} {label}"),
    };
    let is_one = all.len() == 1 && jobs.len() <= 1;
    let judged = |(report, mut judgement): (String, Judgement)| {
        judgement.base.proposal = true;
        let name = match jobs.iter().find(|j| j.report == report) {
            Some(job) => called(&job.label),
            None if is_one => LEG.into(),
            None => {
                let key = judgement.testbed.fingerprint(&judgement.counter);
                format!("{LEG} {}", key.chars().take(KEY).collect::<String>())
            }
        };
        (name, Checked::Judged(Box::new(judgement)))
    };
    let without = jobs.iter().filter(|j| j.report.is_empty());
    let failed = without.map(|j| (called(&j.label), no_verdict(j.why.clone())));
    all.into_iter().map(judged).chain(failed).collect()
}

/// Speaks there; gives why it could not.
fn say(at: &At, of: &Pull, legs: &Legs, base: Option<String>) -> Result<(), String> {
    let kind = Forge::from_name(&at.kind).ok_or("a forge that this uptick does not know")?;
    let number = collector::jobs::pull_number(&of.reference);
    let place = CiRun {
        api: at.api.clone(),
        repository: at.repository.clone(),
        pull: PullRequest::Number(number),
        head: of.sha.0.clone(),
        token: Secret::new(&at.token),
        // Of its head, which another pull request may have too: a branch's page is of one of them.
        link: base.map(|url| format!("{url}{}", commit_url(&of.sha))),
        // A later head was seen later.
        run: of.seen.unsigned_abs(),
        ..CiRun::unknown(kind)
    };
    let legs: Vec<(String, &Checked)> = legs.iter().map(|(n, c)| (n.clone(), c)).collect();
    let certificates = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let speech = Speech {
        legs: &legs,
        project: &of.project,
        job: "",
        status: true,
        comment: Some(How {
            well: WhenWell::Shorten,
            voice: Voice::Alone,
        }),
        settle: SETTLE,
        certificates: certificates.as_deref(),
    };
    let said = speak(&place, &speech).and_then(|said| match said.refused.into_iter().next() {
        Some(e) => Err(e),
        None => Ok(()),
    });
    said.map_err(|e| crate::text::cut(&e.to_string(), WHY))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use collector::jobs::{Purpose, State};
    use collector::model::{Line, Report, Sha};
    use collector::store::queue::Standing;
    use collector::store::{Handed, Store};

    use super::*;
    use crate::fixture;

    fn on(testbed: &str, mut report: Report) -> Report {
        report.testbed_key = testbed.into();
        let facts = &mut report.testbed.facts;
        facts.insert("libc".into(), testbed.into());
        report
    }

    fn pull(head: &Report, base: &Report) -> Pull {
        Pull {
            project: "p".into(),
            reference: "refs/pull/7/head".into(),
            name: "pull/7".into(),
            sha: head.commit.sha.clone(),
            subject: String::new(),
            base: base.commit.sha.0.clone(),
            own: true,
            approved_by: String::new(),
            seen: 1,
            standing: Standing::Measured,
            not_notified: String::new(),
        }
    }

    fn job(label: &str, report: &str) -> Job {
        Job {
            id: 1,
            project: "p".into(),
            sha: Sha(String::new()),
            position: 2,
            subject: String::new(),
            label: label.into(),
            purpose: Purpose::Pull,
            state: State::Done,
            epoch: 1,
            attempts: 1,
            offered: 1,
            started: None,
            ended: None,
            collector: String::new(),
            stage: String::new(),
            why: String::new(),
            report: report.into(),
            reference: String::new(),
        }
    }

    /// What is handed in a moment before: in the log, and nowhere else yet.
    fn hold(store: &mut Store, report: &Report) -> String {
        let handed = Handed::read(&serde_json::to_vec(report).unwrap()).unwrap();
        store
            .hold(&handed, None, 0)
            .unwrap()
            .unwrap()
            .hashes
            .remove(0)
    }

    #[tokio::test]
    async fn each_testbed_is_a_leg_from_the_moment_its_report_is_handed_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uptick.db");
        let app = fixture::app(&path).await;
        let mut store = Store::open(&path).unwrap();
        let base = fixture::report(1, 1e6);
        let heads = [("a", 1e6), ("b", 2e6)].map(|(testbed, value)| {
            let mut head = fixture::report(2, value);
            head.line = Some(Line::Branch {
                name: Some("pull/7".into()),
                merge_base: Some(base.commit.sha.clone()),
            });
            (testbed, head)
        });
        let of = pull(&heads[0].1, &base);
        let mut jobs = vec![job("c", "")];
        for (testbed, head) in heads {
            hold(&mut store, &on(testbed, base.clone()));
            jobs.push(job(testbed, &hold(&mut store, &on(testbed, head))));
        }
        let legs = checked(&app, &of, &jobs).await.unwrap();
        let code = |c: &Checked| match c {
            Checked::Judged(j) => j.exit_code(),
            Checked::Failed { code, .. } => *code,
        };
        let mut said: Vec<_> = legs.iter().map(|(n, c)| (n.as_str(), code(c))).collect();
        said.sort_unstable();
        assert_eq!(
            said,
            [
                ("server a", 0),
                ("server b", 1),
                ("server c", EXIT_NO_VERDICT)
            ]
        );
    }
}
