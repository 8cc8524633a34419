//! Which forge this is, from the variables that its CI sets. Base addresses come from them too:
//! a forge in a company has its own.
//!
//! Anything can be said instead with `UPTICK_FORGE` (`github`, `gitea`, `gitlab`, `bitbucket`,
//! `azure`) and `UPTICK_FORGE_API`, `_REPO`, `_PULL`, `_HEAD`, `_RUN`, `_LINK`, `_TOKEN`,
//! `_USER`, for a CI that is none of the forge's own.

use serde_json::Value;

use super::place::{CiRun, Forge, PullRequest, Secret};

/// Reads a variable.
type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where this run speaks; `event` is the document that GitHub and its kin describe the cause of
/// the run with.
///
/// # Errors
/// What is missing, in one line.
pub fn find(env: Env<'_>, event: &Value) -> Result<CiRun, String> {
    let set = |name: &str| env(name).filter(|v| !v.trim().is_empty());
    let mut place = found(&set, event)?;
    if let Some(api) = set("UPTICK_FORGE_API") {
        place.api = api;
    }
    if let Some(repository) = set("UPTICK_FORGE_REPO") {
        place.repository = repository;
    }
    if let Some(pull) = set("UPTICK_FORGE_PULL") {
        // Jenkins and Buildkite say `false` where there is none.
        place.pull = number(&pull).map_or(PullRequest::None, PullRequest::Number);
    }
    if let Some(head) = set("UPTICK_FORGE_HEAD") {
        place.head = head;
    }
    if let Some(run) = set("UPTICK_FORGE_RUN").as_deref().and_then(number) {
        place.run = run;
    }
    place.link = set("UPTICK_FORGE_LINK").or(place.link);
    place.pictures = set("UPTICK_PICTURES").or(place.pictures);
    if let (PullRequest::Headless(n), true) = (&place.pull, !place.head.is_empty()) {
        place.pull = PullRequest::Number(*n);
    }
    place.author = set("UPTICK_FORGE_USER");
    place.token = place
        .kind
        .tokens()
        .iter()
        .find_map(|n| Secret::new(&set(n)?));
    finished(place)
}

fn found(set: Env<'_>, event: &Value) -> Result<CiRun, String> {
    let is = |name: &str| set(name).is_some();
    if let Some(name) = set("UPTICK_FORGE") {
        let kind = Forge::from_name(&name).ok_or_else(|| {
            format!(
                "UPTICK_FORGE is `{name}`: github, gitea, gitlab, bitbucket and azure are known"
            )
        })?;
        let ci = "given";
        return Ok(CiRun {
            ci,
            ..CiRun::unknown(kind)
        });
    }
    if set("CI").as_deref() == Some("woodpecker") {
        return woodpecker(set);
    }
    if is("GITLAB_CI") {
        return Ok(gitlab(set));
    }
    if is("BITBUCKET_BUILD_NUMBER") {
        return Ok(bitbucket(set));
    }
    if is("TF_BUILD") {
        return azure(set);
    }
    if is("GITHUB_ACTIONS") || is("GITEA_ACTIONS") || is("FORGEJO_ACTIONS") {
        return Ok(github(set, event));
    }
    Err("no forge found in the environment; UPTICK_FORGE names one (`uptick help ci`)".into())
}

/// What no request can do without.
fn finished(mut place: CiRun) -> Result<CiRun, String> {
    let name = place.kind.name();
    let missing = |what: &str, variable: &str| Err(format!("{name}: {what}; set {variable}"));
    while place.api.ends_with('/') {
        place.api.pop();
    }
    if !place.api.starts_with("https://") && !place.api.starts_with("http://") {
        return missing(
            "the address of its interface is not known",
            "UPTICK_FORGE_API",
        );
    }
    if place.repository.is_empty() {
        return missing("the repository is not known", "UPTICK_FORGE_REPO");
    }
    let asked_for = matches!(place.pull, PullRequest::Headless(_));
    if !is_commit(&place.head) && !asked_for {
        return missing("the commit is not known", "UPTICK_FORGE_HEAD");
    }
    Ok(place)
}

fn is_commit(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit())
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|n| *n > 0)
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_string)
}

/// GitHub Actions, and the Actions of Gitea and Forgejo, which set the same variables.
fn github(set: Env<'_>, event: &Value) -> CiRun {
    let get = |name: &str| set(name).unwrap_or_default();
    let api = get("GITHUB_API_URL");
    let kin = set("GITEA_ACTIONS").is_some() || set("FORGEJO_ACTIONS").is_some();
    let kind = if kin || api.trim_end_matches('/').ends_with("/api/v1") {
        Forge::Gitea
    } else {
        Forge::GitHub
    };
    let (server, repository) = (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"));
    let run = number(&get("GITHUB_RUN_ID")).unwrap_or(0);
    let link = format!("{server}/{repository}/actions/runs/{run}");
    let place = CiRun {
        graphql: set("GITHUB_GRAPHQL_URL").filter(|_| kind == Forge::GitHub),
        head: text(event, "/pull_request/head/sha").unwrap_or_else(|| get("GITHUB_SHA")),
        pull: event
            .pointer("/pull_request/number")
            .and_then(Value::as_u64)
            .map_or(PullRequest::None, PullRequest::Number),
        ci: "actions",
        pictures: (run > 0).then(|| format!("{link}#artifacts")),
        link: (run > 0).then_some(link),
        attempt: number(&get("GITHUB_RUN_ATTEMPT")).unwrap_or(1),
        api,
        repository,
        run,
        ..CiRun::unknown(kind)
    };
    match (event.get("workflow_run"), commented(event)) {
        (Some(first), _) => after(place, first),
        // What such a run has in GITHUB_SHA is the tip of the default branch.
        (None, Some(pull)) => CiRun {
            pull: PullRequest::Headless(pull),
            head: String::new(),
            ..place
        },
        (None, None) => place,
    }
}

/// The pull request that somebody commented on.
fn commented(event: &Value) -> Option<u64> {
    event.pointer("/issue/pull_request")?;
    event.pointer("/issue/number")?.as_u64()
}

/// The second workflow: it speaks of the first one's run.
///
/// `pull_requests` is empty for a fork, and is no list of one for a branch with two pull
/// requests: the head decides.
fn after(mut place: CiRun, first: &Value) -> CiRun {
    place.head = text(first, "/head_sha").unwrap_or_default();
    place.run = first.get("id").and_then(Value::as_u64).unwrap_or(place.run);
    place.attempt = first
        .get("run_attempt")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let page = text(first, "/html_url").filter(|u| u.starts_with("http"));
    place.pictures = page.as_ref().map(|p| format!("{p}#artifacts"));
    place.link = page.or(place.link);
    if !text(first, "/event").is_some_and(|e| e.starts_with("pull_request")) {
        return place;
    }
    let at_head = |p: &&Value| text(p, "/head/sha").as_deref() == Some(&place.head);
    let listed = first.get("pull_requests").and_then(Value::as_array);
    let named = listed.into_iter().flatten().find(at_head);
    let owner = text(first, "/head_repository/owner/login");
    place.pull =
        match named.and_then(|p| p.get("number")?.as_u64()) {
            Some(n) => PullRequest::Number(n),
            None => owner.zip(text(first, "/head_branch")).map_or(
                PullRequest::None,
                |(owner, branch)| PullRequest::Of { owner, branch },
            ),
        };
    place
}

fn gitlab(set: Env<'_>) -> CiRun {
    let get = |name: &str| set(name).unwrap_or_default();
    let link = set("CI_JOB_URL").or_else(|| set("CI_PIPELINE_URL"));
    CiRun {
        api: get("CI_API_V4_URL"),
        // A pipeline of a fork runs in the fork; the merge request is the target's.
        repository: set("CI_MERGE_REQUEST_PROJECT_ID").unwrap_or_else(|| get("CI_PROJECT_ID")),
        pull: number(&get("CI_MERGE_REQUEST_IID")).map_or(PullRequest::None, PullRequest::Number),
        // Set where the pipeline runs on the merged result.
        head: set("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").unwrap_or_else(|| get("CI_COMMIT_SHA")),
        pictures: set("CI_JOB_URL").map(|l| format!("{l}/artifacts/browse")),
        run: number(&get("CI_PIPELINE_ID")).unwrap_or(0),
        attempt: number(&get("CI_JOB_ID")).unwrap_or(1),
        ci: "gitlab",
        link,
        ..CiRun::unknown(Forge::GitLab)
    }
}

fn bitbucket(set: Env<'_>) -> CiRun {
    let get = |name: &str| set(name).unwrap_or_default();
    let origin = get("BITBUCKET_GIT_HTTP_ORIGIN");
    let host = origin.split("://").nth(1).and_then(|o| o.split('/').next());
    let api = host.map_or_else(String::new, |h| format!("https://api.{h}/2.0"));
    let build = get("BITBUCKET_BUILD_NUMBER");
    let page = origin.replacen("http://", "https://", 1);
    CiRun {
        api: set("BITBUCKET_API_URL").unwrap_or(api),
        repository: get("BITBUCKET_REPO_FULL_NAME"),
        pull: number(&get("BITBUCKET_PR_ID")).map_or(PullRequest::None, PullRequest::Number),
        head: get("BITBUCKET_COMMIT"),
        link: Some(format!("{page}/pipelines/results/{build}")).filter(|l| l.starts_with("http")),
        run: number(&build).unwrap_or(0),
        attempt: number(&get("BITBUCKET_STEP_RUN_NUMBER")).unwrap_or(1),
        ci: "bitbucket",
        ..CiRun::unknown(Forge::Bitbucket)
    }
}

fn azure(set: Env<'_>) -> Result<CiRun, String> {
    let get = |name: &str| set(name).unwrap_or_default();
    let provider = get("BUILD_REPOSITORY_PROVIDER");
    if !provider.is_empty() && provider != "TfsGit" {
        return Err(format!(
            "Azure Pipelines runs for a repository at {provider}: UPTICK_FORGE and its kin name \
             that forge (`uptick help ci`)"
        ));
    }
    let collection = get("SYSTEM_COLLECTIONURI");
    let collection = collection.trim_end_matches('/');
    let project = get("SYSTEM_TEAMPROJECTID");
    let build = get("BUILD_BUILDID");
    let link = format!("{collection}/{project}/_build/results?buildId={build}");
    Ok(CiRun {
        api: collection.to_string(),
        repository: format!("{project}/{}", get("BUILD_REPOSITORY_ID")),
        pull: number(&get("SYSTEM_PULLREQUEST_PULLREQUESTID"))
            .map_or(PullRequest::None, PullRequest::Number),
        head: set("SYSTEM_PULLREQUEST_SOURCECOMMITID")
            .unwrap_or_else(|| get("BUILD_SOURCEVERSION")),
        run: number(&build).unwrap_or(0),
        attempt: number(&get("SYSTEM_JOBATTEMPT")).unwrap_or(1),
        ci: "azure",
        link: Some(link),
        ..CiRun::unknown(Forge::Azure)
    })
}

/// Woodpecker speaks for whatever forge it is connected to.
fn woodpecker(set: Env<'_>) -> Result<CiRun, String> {
    let get = |name: &str| set(name).unwrap_or_default();
    let name = get("CI_FORGE_TYPE");
    let kind = Forge::from_name(&name)
        .ok_or_else(|| format!("Woodpecker says CI_FORGE_TYPE is `{name}`; set UPTICK_FORGE"))?;
    let forge = get("CI_FORGE_URL");
    let forge = forge.trim_end_matches('/');
    let api = match kind {
        Forge::Gitea => format!("{forge}/api/v1"),
        Forge::GitLab => format!("{forge}/api/v4"),
        // The others have their interface on another host: `finished` asks for it.
        _ => String::new(),
    };
    Ok(CiRun {
        api,
        repository: get("CI_REPO"),
        pull: number(&get("CI_COMMIT_PULL_REQUEST")).map_or(PullRequest::None, PullRequest::Number),
        head: get("CI_COMMIT_SHA"),
        link: set("CI_PIPELINE_URL"),
        run: number(&get("CI_PIPELINE_NUMBER")).unwrap_or(0),
        ci: "woodpecker",
        ..CiRun::unknown(kind)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    const SHA: &str = "0123456789012345678901234567890123456789";

    fn place(variables: &[(&str, &str)], event: &Value) -> Result<CiRun, String> {
        let env = |name: &str| {
            variables
                .iter()
                .find(|v| v.0 == name)
                .map(|v| v.1.to_string())
        };
        find(&env, event)
    }

    const GITHUB: [(&str, &str); 7] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_API_URL", "https://git.corp.example/api/v3"),
        ("GITHUB_SERVER_URL", "https://git.corp.example"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_TOKEN", "s3cret"),
    ];

    #[test]
    fn a_pull_request_on_an_enterprise_server() {
        let event = json!({"pull_request": {"number": 5, "head": {"sha": "a".repeat(40)}}});
        let p = place(&GITHUB, &event).unwrap();
        assert_eq!(
            (p.kind, p.pull.clone(), p.run),
            (Forge::GitHub, PullRequest::Number(5), 77)
        );
        assert_eq!(p.api, "https://git.corp.example/api/v3");
        assert_eq!(p.head, "a".repeat(40));
        assert!(!format!("{p:?}").contains("s3cret"));
    }

    #[test]
    fn the_second_workflow_speaks_of_the_first_one_s_pull_request() {
        let fork = json!({"workflow_run": {
            "id": 9, "run_attempt": 2, "event": "pull_request", "head_sha": SHA,
            "head_branch": "fix", "pull_requests": [],
            "head_repository": {"owner": {"login": "stranger"}},
            "html_url": "https://git.corp.example/o/r/actions/runs/9",
        }});
        let p = place(&GITHUB, &fork).unwrap();
        let of = PullRequest::Of {
            owner: "stranger".into(),
            branch: "fix".into(),
        };
        assert_eq!((p.pull, p.run, p.attempt), (of, 9, 2));
        let mut own = fork.clone();
        own["workflow_run"]["pull_requests"] = json!([{"number": 3, "head": {"sha": "b".repeat(40)}}, {"number": 4, "head": {"sha": SHA}}]);
        assert_eq!(place(&GITHUB, &own).unwrap().pull, PullRequest::Number(4));
        // A push has no pull request, whatever its branch is called.
        let mut push = own;
        push["workflow_run"]["event"] = json!("push");
        assert_eq!(place(&GITHUB, &push).unwrap().pull, PullRequest::None);
    }

    #[test]
    fn others_are_found_by_their_own_variables() {
        let gitea = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", "https://code.example/api/v1"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_SHA", SHA),
        ];
        assert_eq!(place(&gitea, &Value::Null).unwrap().kind, Forge::Gitea);
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_API_V4_URL", "https://gl.example/api/v4/"),
            ("CI_PROJECT_ID", "12"),
            ("CI_MERGE_REQUEST_IID", "3"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_JOB_TOKEN", "cannot write notes"),
        ];
        let p = place(&gitlab, &Value::Null).unwrap();
        assert_eq!(
            (p.api.as_str(), p.token),
            ("https://gl.example/api/v4", None)
        );
        let woodpecker = [
            ("CI", "woodpecker"),
            ("CI_FORGE_TYPE", "forgejo"),
            ("CI_FORGE_URL", "https://code.example/"),
            ("CI_REPO", "o/r"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_COMMIT_PULL_REQUEST", "8"),
        ];
        let p = place(&woodpecker, &Value::Null).unwrap();
        assert_eq!(
            (p.api.as_str(), p.pull),
            ("https://code.example/api/v1", PullRequest::Number(8))
        );
        let bitbucket = [
            ("BITBUCKET_BUILD_NUMBER", "4"),
            ("BITBUCKET_GIT_HTTP_ORIGIN", "http://bb.example/w/r"),
            ("BITBUCKET_REPO_FULL_NAME", "w/r"),
            ("BITBUCKET_COMMIT", SHA),
        ];
        assert_eq!(
            place(&bitbucket, &Value::Null).unwrap().api,
            "https://api.bb.example/2.0"
        );
    }

    #[test]
    fn what_is_missing_is_named_with_its_variable() {
        assert!(
            place(&[], &Value::Null)
                .unwrap_err()
                .contains("UPTICK_FORGE")
        );
        let buildkite = [
            ("UPTICK_FORGE", "github"),
            ("UPTICK_FORGE_REPO", "o/r"),
            ("UPTICK_FORGE_PULL", "false"),
            ("UPTICK_FORGE_HEAD", SHA),
        ];
        assert!(
            place(&buildkite, &Value::Null)
                .unwrap_err()
                .contains("UPTICK_FORGE_API")
        );
        let whole = [
            &buildkite[..],
            &[("UPTICK_FORGE_API", "https://api.example")],
        ]
        .concat();
        assert_eq!(place(&whole, &Value::Null).unwrap().pull, PullRequest::None);
    }
}
