//! What a CI system says of the event that it runs for: into which branch a pull request goes,
//! which commits a push brought. Pure: variables and the event's file are read by the caller.

use serde_json::Value;

/// An event, as far as it chooses a baseline; empty outside CI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The branch that a pull request goes into.
    pub target: Option<String>,
    /// A commit of that branch which the system names as the base.
    pub base: Option<String>,
    /// The checked-out commit merges the pull request into its target.
    pub merged: bool,
    /// It stands in a queue: on those that will be merged before it, and not on the target's tip.
    pub queued: bool,
    /// What is proposed, where the event is of a proposal that is still open.
    pub proposed: Option<Proposed>,
    /// The tip before a push; none where the push made the branch.
    pub before: Option<String>,
    /// The tip after it.
    pub after: Option<String>,
    /// Why nobody knows which commits a push brought.
    pub unread: Option<String>,
    /// Why nobody knows into which branch a pull request goes.
    pub untargeted: Option<String>,
    /// The push is to a branch that lasts (a release's) and is no proposal to another.
    pub lasting: bool,
    /// The run is of no push, though its system knows pushes: a schedule, or somebody's hand.
    pub unpushed: bool,
    /// The branch that was pushed.
    pub branch: Option<String>,
    /// The repository's default branch.
    pub default_branch: Option<String>,
}

/// What a pull request proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// This commit.
    Commit(String),
    /// One that the event does not name: somebody wrote a comment.
    Unnamed,
}

/// Where a system names a pull request's target. The second variable must be set, and to
/// nothing that says no, for the first to mean that.
const TARGETS: [(&str, Option<&str>); 29] = [
    // GitHub, Gitea, Forgejo.
    ("GITHUB_BASE_REF", None),
    // GitLab.
    ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", None),
    ("BITBUCKET_PR_DESTINATION_BRANCH", None),
    // Azure Pipelines.
    ("SYSTEM_PULLREQUEST_TARGETBRANCH", None),
    ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", None),
    // Jenkins.
    ("CHANGE_TARGET", None),
    ("DRONE_TARGET_BRANCH", Some("DRONE_PULL_REQUEST")),
    // Woodpecker.
    ("CI_COMMIT_TARGET_BRANCH", Some("CI_COMMIT_PULL_REQUEST")),
    ("TRAVIS_BRANCH", Some("TRAVIS_PULL_REQUEST")),
    ("APPVEYOR_REPO_BRANCH", Some("APPVEYOR_PULL_REQUEST_NUMBER")),
    ("CIRRUS_BASE_BRANCH", Some("CIRRUS_PR")),
    ("BUILDKITE_MERGE_QUEUE_BASE_BRANCH", None),
    // GitLab, of a pull request on GitHub.
    ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME", None),
    // Jenkins' plugins for GitLab, for pull requests of GitHub, and for Gerrit.
    ("gitlabTargetBranch", Some("gitlabMergeRequestIid")),
    ("ghprbTargetBranch", Some("ghprbPullId")),
    ("GERRIT_BRANCH", Some("GERRIT_CHANGE_NUMBER")),
    ("ZUUL_BRANCH", Some("ZUUL_CHANGE")),
    // Prow.
    ("PULL_BASE_REF", Some("PULL_NUMBER")),
    ("CODEBUILD_WEBHOOK_BASE_REF", None),
    ("BITRISEIO_GIT_BRANCH_DEST", None),
    // Semaphore, whose branch is the target only there.
    ("SEMAPHORE_GIT_BRANCH", Some("SEMAPHORE_GIT_PR_NUMBER")),
    ("SEMAPHORE_GIT_BRANCH", Some("SEMAPHORE_GIT_PR_SLUG")),
    // Codefresh, Bamboo, Xcode Cloud, Codemagic, Screwdriver, Buddy, Google's Cloud Build.
    ("CF_PULL_REQUEST_TARGET", None),
    ("bamboo_repository_pr_targetBranch", None),
    ("CI_PULL_REQUEST_TARGET_BRANCH", None),
    ("CM_PULL_REQUEST_DEST", None),
    ("PR_BASE_BRANCH_NAME", None),
    ("BUDDY_EXECUTION_PULL_REQUEST_BASE_BRANCH", None),
    ("_BASE_BRANCH", Some("_PR_NUMBER")),
];

/// What is set for a pull request, and by which system: where no target is named, nobody knows it.
const UNTARGETED: [(&str, &str); 19] = [
    ("CIRCLE_PULL_REQUEST", "CircleCI"),
    ("BUILDKITE_PULL_REQUEST", "Buildkite"),
    ("TRAVIS_PULL_REQUEST", "Travis CI"),
    ("DRONE_PULL_REQUEST", "Drone"),
    ("APPVEYOR_PULL_REQUEST_NUMBER", "AppVeyor"),
    ("CIRRUS_PR", "Cirrus CI"),
    ("SEMAPHORE_GIT_PR_NUMBER", "Semaphore"),
    ("PULL_NUMBER", "Prow"),
    ("BITRISE_PULL_REQUEST", "Bitrise"),
    ("CF_PULL_REQUEST_NUMBER", "Codefresh"),
    ("bamboo_repository_pr_key", "Bamboo"),
    ("CI_PULL_REQUEST_NUMBER", "Xcode Cloud"),
    ("CM_PULL_REQUEST_NUMBER", "Codemagic"),
    ("SD_PULL_REQUEST", "Screwdriver"),
    ("BUDDY_EXECUTION_PULL_REQUEST_ID", "Buddy"),
    ("_PR_NUMBER", "Cloud Build"),
    ("VERCEL_GIT_PULL_REQUEST_ID", "Vercel"),
    ("IS_PULL_REQUEST", "Render"),
    ("PULL_REQUEST", "Netlify"),
];

/// Where a system names the branch that it builds. GitHub makes one for a merge queue's group.
const BRANCHES: [&str; 8] = [
    "GITHUB_REF",
    "BUILDKITE_BRANCH",
    "CIRCLE_BRANCH",
    "CIRRUS_BRANCH",
    "TRAVIS_BRANCH",
    "DRONE_BRANCH",
    "BRANCH_NAME",
    "GIT_BRANCH",
];

const BASES: [&str; 7] = [
    "BUILDKITE_MERGE_QUEUE_BASE_COMMIT",
    "CI_MERGE_REQUEST_TARGET_BRANCH_SHA",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    "BITBUCKET_PR_DESTINATION_COMMIT",
    "CIRRUS_BASE_SHA",
    "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA",
    "PULL_BASE_SHA",
];

/// The tip before a push, or a range that begins with it.
const BEFORE: [&str; 7] = [
    "CI_COMMIT_BEFORE_SHA",
    "DRONE_COMMIT_BEFORE",
    "CI_PREV_COMMIT_SHA",
    "CODEBUILD_WEBHOOK_PREV_COMMIT",
    "TRAVIS_COMMIT_RANGE",
    "SEMAPHORE_GIT_COMMIT_RANGE",
    // Jenkins: what it built last of this branch. (The newest that was found good is no tip before:
    // with it, what is taken back would be red until it is forgotten.)
    "GIT_PREVIOUS_COMMIT",
];

/// What is set where a CI system runs us; most set the first.
const SYSTEMS: [&str; 8] = [
    "CI",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
    "PROW_JOB_ID",
    "BITBUCKET_BUILD_NUMBER",
    "bamboo_buildKey",
];

/// Of a push that names no commit before it, as one that makes a branch; of what runs by the clock;
/// and of systems that never say.
const UNKNOWN: &str = "nothing here says which commits are new";

impl Event {
    /// Whether this is a commit of a branch that lasts, and not what made that branch.
    #[must_use]
    pub const fn is_of_lasting_branch(&self) -> bool {
        self.lasting && (self.before.is_some() || self.unpushed)
    }

    /// Reads the event from variables and from the document that GitHub and Gitea write, or why it
    /// cannot be read.
    #[must_use]
    pub fn read(
        variable: &dyn Fn(&str) -> Option<String>,
        document: Result<Value, String>,
    ) -> Self {
        let get = |name: &str| variable(name).filter(|v| !v.is_empty());
        let is_push = get("GITHUB_EVENT_NAME").as_deref() == Some("push");
        let unread = document.as_ref().err().filter(|_| is_push).cloned();
        let document = document.unwrap_or_default();
        let inside = |path: &str| {
            let text = document.pointer(path)?.as_str()?;
            (!text.is_empty()).then(|| text.to_string())
        };
        let says = |name: &str| get(name).is_some_and(|v| v != "false" && v != "0");
        let named = TARGETS
            .iter()
            .filter(|(_, only_with)| only_with.is_none_or(says))
            .find_map(|(name, _)| get(name));
        let queue = BRANCHES.iter().find_map(|name| queued_for(&get(name)?));
        let target = named
            .or_else(|| inside("/pull_request/base/ref"))
            .or_else(|| inside("/merge_group/base_ref"))
            .or_else(|| {
                // The second workflow, which follows the one of the pull request.
                let of = inside("/workflow_run/event")?;
                let base = inside("/workflow_run/pull_requests/0/base/ref");
                base.filter(|_| of.starts_with("pull_request"))
            })
            .or_else(|| Some(queue.as_ref()?.0.clone()));
        let base = BASES.iter().find_map(|name| get(name));
        let base = base
            .or_else(|| inside("/merge_group/base_sha"))
            .or_else(|| Some(queue.as_ref()?.1.clone()))
            .or_else(|| inside("/pull_request/base/sha"));
        let queued = queue.is_some()
            || document.get("merge_group").is_some()
            || says("BUILDKITE_MERGE_QUEUE_BASE_BRANCH")
            || get("CI_MERGE_REQUEST_EVENT_TYPE").as_deref() == Some("merge_train");
        let comment = inside("/issue/pull_request/url").map(|_| Proposed::Unnamed);
        let proposed = inside("/pull_request/head/sha").map(Proposed::Commit);
        let is_open = inside("/action").as_deref() != Some("closed");
        let reference = get("GITHUB_REF").unwrap_or_default();
        let merged = reference.starts_with("refs/pull/") && reference.ends_with("/merge")
            || get("CI_MERGE_REQUEST_EVENT_TYPE").is_some_and(|t| t != "detached")
            || get("BUILD_SOURCEBRANCH").is_some_and(|b| b.starts_with("refs/pull/"));
        let begin = |range: String| range.split("..").next().map(String::from);
        let before = || BEFORE.iter().find_map(|name| get(name)).and_then(begin);
        // Zeros: the push made the branch, or there was none.
        let names_one = |sha: &String| sha.chars().any(|c| c != '0');
        let before = inside("/before").or_else(before).filter(names_one);
        // A comment on a pull request, which may ask for a benchmark, says no more than that.
        let silent = UNTARGETED.iter().find(|(name, _)| says(name));
        let silent = silent.map(|(_, system)| *system);
        let silent = silent.or_else(|| inside("/issue/pull_request/url").map(|_| "this event"));
        let silent = silent.filter(|_| target.is_none());
        let is_ci = is_push || SYSTEMS.iter().any(|name| says(name));
        let is_unknown = is_ci && target.is_none() && before.is_none();
        let branch = reference.strip_prefix("refs/heads/").map(String::from);
        let branch = branch.or_else(|| get("CI_COMMIT_BRANCH"));
        let protected = ["GITHUB_REF_PROTECTED", "CI_COMMIT_REF_PROTECTED"];
        Self {
            before: before.filter(|_| target.is_none()),
            target: target.map(plain),
            base,
            merged,
            queued,
            proposed: proposed.or(comment).filter(|_| is_open),
            after: inside("/after"),
            untargeted: silent.map(|system| {
                format!("{system} does not say into which branch this pull request goes")
            }),
            unread: unread.or_else(|| is_unknown.then(|| UNKNOWN.to_string())),
            unpushed: get("CI_PIPELINE_SOURCE").is_some_and(|s| s != "push"),
            branch: branch.clone(),
            lasting: protected
                .iter()
                .any(|name| get(name).as_deref() == Some("true"))
                || branch.is_some_and(|b| is_lasting(&b)),
            default_branch: inside("/repository/default_branch")
                .or_else(|| get("CI_DEFAULT_BRANCH"))
                .or_else(|| get("DRONE_REPO_BRANCH"))
                .or_else(|| get("BUILDKITE_PIPELINE_DEFAULT_BRANCH")),
        }
    }
}

/// Where a merge queue's group goes and what it stands on, by the branch that GitHub makes for it:
/// `gh-readonly-queue/main/pr-7-SHA`.
fn queued_for(branch: &str) -> Option<(String, String)> {
    let (_, rest) = branch.split_once("gh-readonly-queue/")?;
    let (target, group) = rest.rsplit_once("/pr-")?;
    let (_, base) = group.split_once('-')?;
    Some((target.to_string(), base.to_string()))
}

fn plain(branch: String) -> String {
    match branch.strip_prefix("refs/heads/") {
        Some(name) => name.to_string(),
        None => branch,
    }
}

/// Whether a branch of that name is maintained for its own sake: `release-1.x`, `stable`, `v2.0`.
fn is_lasting(branch: &str) -> bool {
    let last = branch.to_ascii_lowercase();
    let words = ["release", "stable", "maint", "support", "lts"];
    let version = last.trim_start_matches('v');
    let is_version = |v: &str| {
        v.starts_with(|c: char| c.is_ascii_digit())
            && v.chars().all(|c| c.is_ascii_digit() || ".x-_".contains(c))
    };
    words.iter().any(|w| last.starts_with(w)) || is_version(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: (&str, &str) = ("GITHUB_EVENT_PATH", "event.json");

    fn event(variables: &[(&str, &str)], file: &str) -> Event {
        let get = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| (*v).to_string())
        };
        let is_named = get(PATH.0).is_some();
        let document = match serde_json::from_str(file) {
            Ok(document) if is_named => Ok(document),
            Err(_) if is_named => Err("event.json cannot be read".to_string()),
            _ => Ok(Value::Null),
        };
        Event::read(&get, document)
    }

    #[test]
    fn each_system_names_the_target_of_a_pull_request_in_its_own_way() {
        for (variables, merged) in [
            (
                &[
                    ("GITHUB_BASE_REF", "rel"),
                    ("GITHUB_REF", "refs/pull/7/merge"),
                ][..],
                true,
            ),
            (&[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "rel")], false),
            (&[("BITBUCKET_PR_DESTINATION_BRANCH", "rel")], false),
            (
                &[
                    ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/rel"),
                    ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                ],
                true,
            ),
            (
                &[("TRAVIS_BRANCH", "rel"), ("TRAVIS_PULL_REQUEST", "12")],
                false,
            ),
        ] {
            let e = event(variables, "");
            assert_eq!((e.target.as_deref(), e.merged), (Some("rel"), merged));
        }
        for (target, with) in TARGETS {
            let with = with.map(|name| (name, "7"));
            let variables: Vec<(&str, &str)> = [(target, "rel")].into_iter().chain(with).collect();
            assert_eq!(
                event(&variables, "").target.as_deref(),
                Some("rel"),
                "{target}"
            );
            if with.is_some() {
                assert_eq!(event(&variables[..1], "").target, None, "{target}");
            }
        }
        for queue in BRANCHES {
            let e = event(
                &[(queue, "refs/heads/gh-readonly-queue/a/b/pr-7-0123abc")],
                "",
            );
            let said = (e.target.as_deref(), e.base.as_deref(), e.queued);
            assert_eq!(said, (Some("a/b"), Some("0123abc"), true), "{queue}");
        }
        let circle = event(&[("CIRCLE_PULL_REQUEST", "https://x/pull/1")], "");
        assert!(
            circle
                .untargeted
                .is_some_and(|why| why.starts_with("CircleCI"))
        );
        for (name, system) in UNTARGETED {
            let e = event(&[(name, "7")], "");
            assert!(
                e.untargeted.is_some_and(|why| why.starts_with(system)),
                "{name}"
            );
        }
        let path = PATH;
        let asked = r#"{"issue":{"pull_request":{"url":"https://x/pulls/1"}}}"#;
        let asked = event(&[path], asked);
        assert!(asked.untargeted.is_some());
        assert_eq!(asked.proposed, Some(Proposed::Unnamed));
        let of = |action: &str| {
            let head = r#"{"head":{"sha":"h"},"base":{"ref":"rel"}}"#;
            let text = format!(r#"{{"action":"{action}","pull_request":{head}}}"#);
            event(&[path], &text).proposed
        };
        assert_eq!(of("opened"), Some(Proposed::Commit("h".into())));
        assert_eq!(of("closed"), None);
        let train = [("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train")];
        assert!(event(&train, "").queued);
        let second = |of: &str| {
            let base = r#""pull_requests":[{"base":{"ref":"rel"}}]"#;
            let text = format!(r#"{{"workflow_run":{{"event":"{of}",{base}}}}}"#);
            event(&[path], &text).target
        };
        assert_eq!(second("pull_request").as_deref(), Some("rel"));
        assert_eq!(second("push"), None);
        let push = [("TRAVIS_BRANCH", "rel"), ("TRAVIS_PULL_REQUEST", "false")];
        assert_eq!(event(&push, ""), Event::default());
        assert_eq!(event(&[("GITHUB_BASE_REF", "")], ""), Event::default());
    }

    #[test]
    fn a_push_names_the_tip_before_it_and_the_default_branch() {
        let path = PATH;
        let text =
            r#"{"before":"b","after":"a","forced":false,"repository":{"default_branch":"next"}}"#;
        let e = event(&[path, ("GITHUB_REF", "refs/heads/next")], text);
        assert_eq!(e.before.as_deref(), Some("b"));
        assert_eq!(e.after.as_deref(), Some("a"));
        assert_eq!(e.default_branch.as_deref(), Some("next"));
        assert!(!e.lasting);
        // A pull request that was updated has a `before` too: of its own branch.
        let update = r#"{"before":"b","pull_request":{"base":{"ref":"main","sha":"s"}}}"#;
        let e = event(&[path], update);
        assert_eq!((e.before, e.base.as_deref()), (None, Some("s")));
        assert_eq!(event(&[path], "no JSON"), Event::default());
        let push = event(&[path, ("GITHUB_EVENT_NAME", "push")], "no JSON");
        assert!(push.unread.is_some_and(|why| why.contains("event.json")));
        // A merge queue's group goes where its pull requests go.
        let queue = r#"{"before":"b","merge_group":{"base_ref":"refs/heads/next","base_sha":"s"}}"#;
        let e = event(&[path], queue);
        assert_eq!(
            (e.before, e.target.as_deref(), e.base.as_deref(), e.queued),
            (None, Some("next"), Some("s"), true)
        );
    }

    #[test]
    fn where_a_system_names_no_tip_before_that_is_said() {
        for name in BEFORE {
            for value in ["b", "b...h", "b..h"] {
                let e = event(&[("CI", "true"), (name, value)], "");
                assert_eq!((e.before.as_deref(), e.unread), (Some("b"), None), "{name}");
            }
        }
        for system in SYSTEMS {
            assert!(event(&[(system, "1")], "").unread.is_some(), "{system}");
        }
        let scheduled = [("CI", "true"), ("CI_COMMIT_BEFORE_SHA", "0000000")];
        let e = event(&scheduled, "");
        assert!(e.unread.is_some() && e.before.is_none());
        assert_eq!(event(&[("CI", "false")], "").unread, None);
    }

    #[test]
    fn branches_of_releases_last() {
        for b in [
            "release-1.x",
            "release/2.0",
            "stable",
            "v1.2",
            "1.x",
            "maint-3",
        ] {
            assert!(is_lasting(b), "{b}");
        }
        for b in ["main", "fix-release", "vector", "2fa", "feature/v2"] {
            assert!(!is_lasting(b), "{b}");
        }
    }
}
