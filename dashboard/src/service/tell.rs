//! Says on a project's forge what its pull requests came to, as the step of a CI does: one comment,
//! the status of the head.

use std::sync::Arc;
use std::time::Duration;

use collector::error::EXIT_NO_VERDICT;
use collector::judge::Checked;
use collector::remote::forge::publish::{SETTLE, WhenWell};
use collector::remote::forge::{CiRun, Forge, PullRequest, Secret};
use collector::remote::{Speech, speak};
use collector::store::queue::{Forge as At, Pull};

use crate::error::Fail;
use crate::pages;
use crate::query::branch_url;
use crate::service::clock::clock;
use crate::service::server::Server;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(2);
/// Told in one look.
const MOST: usize = 10;
/// Milliseconds until a forge that refused or was away is tried again.
const AGAIN: i64 = 300_000;
/// Characters of why it could not be told.
const WHY: usize = 300;

/// Tells, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    while !server.app().is_closing() {
        tokio::time::sleep(EVERY).await;
        let own = server.app();
        let untold = own.read(|store, _| Ok(store.untold(clock(), MOST)?)).await;
        for pull in untold.unwrap_or_default() {
            // What cannot be noted is told again, and finds its own comment.
            let _ = tell(&server, pull).await;
        }
    }
}

async fn tell(server: &Arc<Server>, pull: Pull) -> Result<(), Fail> {
    let (own, name) = (server.app(), pull.project.clone());
    let found = own.read(move |store, _| Ok(store.forge(&name)?)).await?;
    let (Some(at), Some((app, _))) = (found, server.project(&pull.project)) else {
        return Ok(());
    };
    let of = pull.clone();
    let checked = app
        .read(move |store, app| Ok(checked(store, app, &of)))
        .await?;
    let link = app.options.public_url.clone();
    let asked = pull.clone();
    let told = tokio::task::spawn_blocking(move || say(&at, &asked, &checked, link));
    let failed = told.await.map_err(|_| Fail::panicked())?.err();
    if let Some(why) = &failed {
        tracing::warn!(project = pull.project, pull = pull.name, %why, "a forge was not told");
    }
    own.write(move |store| {
        let failed = failed.as_ref().map(|why| (why.as_str(), clock() + AGAIN));
        Ok(store.told(&pull, failed)?)
    })
    .await
}

/// What the pull request came to, from what is stored.
fn checked(store: &collector::store::Store, app: &crate::app::App, of: &Pull) -> Checked {
    let how = "where it leaves the main line";
    match pages::judged(store, app, (&of.base, &of.sha.0), how) {
        Ok(mut judgement) => {
            judgement.base.proposal = true;
            Checked::Judged(Box::new(judgement))
        }
        Err(fail) => Checked::Failed {
            message: fail.words(),
            code: EXIT_NO_VERDICT,
        },
    }
}

/// Speaks there; gives why it could not.
fn say(at: &At, of: &Pull, checked: &Checked, base: Option<String>) -> Result<(), String> {
    let kind = Forge::from_name(&at.kind).ok_or("a forge that this uptick does not know")?;
    let number = collector::jobs::pull_number(&of.reference);
    let place = CiRun {
        api: at.api.clone(),
        repository: at.repository.clone(),
        pull: PullRequest::Number(number),
        head: of.sha.0.clone(),
        token: Secret::new(&at.token),
        link: base.map(|url| format!("{url}{}", branch_url(&of.name))),
        // A later head was seen later.
        run: of.seen.unsigned_abs(),
        ..CiRun::unknown(kind)
    };
    // Told apart from what a CI of the same project says: this one's own section and context.
    let legs = [(String::from("server"), checked)];
    let certificates = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let speech = Speech {
        legs: &legs,
        project: &of.project,
        job: "",
        status: true,
        comment: Some(WhenWell::Shorten),
        settle: SETTLE,
        certificates: certificates.as_deref(),
    };
    let said = speak(&place, &speech).map_err(|e| e.to_string());
    said.map(|_| ()).map_err(|e| crate::text::cut(&e, WHY))
}
