//! Pull requests on a server: which are measured, for whom, and where their judgement stands.

use collector::measure::perf;
use collector::measure::sandbox::Sandbox;
use serde_json::Value;

use crate::collect::{Server, gitea, said, uptick};
use crate::forge::fake::{Fake, Rules, SECRET};
use crate::support::{Repo, wait};

/// The one pull request of that name.
fn pull(server: &Server, name: &str) -> Value {
    let all = server.json("/api/v1/pulls");
    let all = all["pulls"].as_array().unwrap();
    let found = all.iter().find(|p| p["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}

/// A call of `uptick project` that is refused with these words.
#[track_caller]
fn refused(server: &Server, args: &[&str], words: &str) {
    let mut command = uptick(&[&["project"][..], args].concat());
    let out = command.arg("--data").arg(server.data()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains(words), "{said}");
}

/// What a collector needs to take pull requests here: a container may allow no sandbox, and inside one
/// the hardware counter counts no commands.
pub(crate) fn untrusted() -> &'static [&'static str] {
    let is_counted = perf::unavailable().is_some();
    match Sandbox::of(std::path::Path::new("/nowhere")) {
        Ok(_) if is_counted => &["--untrusted"],
        _ => &["--untrusted", "--sandbox", "none"],
    }
}

/// A repository whose work is doubled by pull request 7, of a branch of its own, and by 8, of a fork.
fn repo() -> (Repo, String, String) {
    let repo = Repo::with_command();
    let proposes = |turns: u64, branch: &str, reference: &str| {
        repo.git(&["checkout", "-q", "-b", branch, "main"]);
        repo.work(turns);
        let sha = repo.commit(&format!("proposes {turns} turns"));
        repo.git(&["update-ref", reference, &sha]);
        repo.git(&["checkout", "-q", "main"]);
        sha
    };
    let own = proposes(2_000, "feature", "refs/pull/7/head");
    let fork = proposes(3_000, "of-a-stranger", "refs/pull/8/head");
    repo.git(&["branch", "-q", "-D", "of-a-stranger"]);
    (repo, own, fork)
}

#[test]
fn a_pull_request_is_judged_on_its_page_and_a_fork_s_once_it_is_approved() {
    let (repo, own, fork) = repo();
    let server = Server::of(&repo);
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    wait("pull requests", || {
        pull(&server, "pull/7")["standing"] == "waiting"
    });
    assert_eq!(pull(&server, "pull/8")["standing"], "unapproved");
    // Whoever does not take them measures the main line, and no code that is proposed.
    let once = |name: &str, args: &[&str]| {
        let run = server
            .collector(name, &[&["--once"][..], args].concat())
            .status();
        assert!(run.unwrap().success());
    };
    once("plain", &[]);
    once("plain", &[]);
    assert_eq!(pull(&server, "pull/7")["standing"], "waiting");
    let page = server.get("/pulls").1;
    assert!(
        page.contains("--untrusted") && page.contains("not approved"),
        "{page}"
    );

    once("open", untrusted());
    let measured = pull(&server, "pull/7");
    assert_eq!(
        (&measured["standing"], &measured["sha"]),
        (&"measured".into(), &own.as_str().into())
    );
    let branch = server.json("/p/lexis/branch.json?name=pull/7");
    let newest = &branch["commits"][0];
    assert_eq!(
        (&newest["sha"], &newest["base"]),
        (
            &own.as_str().into(),
            &repo.git(&["rev-parse", "main"]).into()
        )
    );
    assert_eq!(
        newest["verdict"]["regressed"]["benchmarks"], 1,
        "{branch:#}"
    );
    // It is no point of the main line, and no alert.
    let all = server.json("/p/lexis/api/v1/series");
    assert_eq!(all["series"][0]["points"], 1, "{all:#}");
    assert_eq!(
        server.json("/p/lexis/today.json")["groups"],
        serde_json::json!([])
    );

    // The fork's: nobody's to approve but an administrator's, and this commit alone.
    let form = format!("project=lexis&commit={fork}");
    let post = |form: &str, token: &str| {
        let kind = ["Content-Type: application/x-www-form-urlencoded"];
        server
            .ask("POST", "/pulls/approve", token, &kind, form.as_bytes())
            .0
    };
    let create = ["token", "create", "w", "--scope", "write", "--data"];
    let write = said(uptick(&create).arg(server.data()));
    assert_eq!(post(&form, &write), 403);
    assert_eq!(
        post(&format!("project=lexis&commit={own}0"), &server.admin),
        409
    );
    assert_eq!(post(&form, &server.admin), 303);
    wait("the approved one", || {
        pull(&server, "pull/8")["standing"] == "waiting"
    });
    once("open", untrusted());
    assert_eq!(pull(&server, "pull/8")["standing"], "measured");
    assert_eq!(pull(&server, "pull/8")["approved_by"], "admin");

    // A push: another commit, which nobody has approved; the command line approves it too.
    repo.git(&["checkout", "-q", "--detach", &fork]);
    repo.work(1_000);
    let next = repo.commit("back to what it was");
    repo.git(&["update-ref", "refs/pull/8/head", &next]);
    repo.git(&["checkout", "-q", "main"]);
    wait("the push", || {
        pull(&server, "pull/8")["sha"] == next.as_str()
    });
    assert_eq!(pull(&server, "pull/8")["standing"], "unapproved");
    // Of a beginning somebody can make another commit.
    for beginning in [&next[..12], &next[..39]] {
        refused(&server, &["approve", "lexis", beginning], "the whole hash");
    }
    refused(&server, &["approve", "lexis", &fork], "as its head now");
    let line = server.project(&["pulls", "lexis"]);
    assert!(line.contains(&next), "{line}");
    server.project(&["approve", "lexis", &next]);
    wait("the approved one", || {
        pull(&server, "pull/8")["standing"] == "waiting"
    });
    once("open", untrusted());
    assert_eq!(pull(&server, "pull/8")["standing"], "measured");
    let branch = server.json("/p/lexis/branch.json?name=pull/8");
    let newest = &branch["commits"][0];
    assert_eq!(newest["sha"], next.as_str(), "{branch:#}");
    assert!(newest["verdict"]["regressed"].is_null(), "{branch:#}");
    let listed = server.project(&["pulls", "lexis"]);
    let line = listed.lines().find(|l| l.contains("  pull/8  ")).unwrap();
    assert!(line.contains(&format!("  {next}  measured  ")), "{listed}");

    // Merged: nothing is proposed any more. None are looked at any more.
    repo.git(&["merge", "-q", "--no-ff", "-m", "merged", "feature"]);
    wait("the merge", || pull(&server, "pull/7").is_null());
    server.project(&["set", "lexis", "--no-pulls"]);
    wait("the end", || pull(&server, "pull/8").is_null());
}

/// With a token of the forge the server says there what a step of a CI would.
#[test]
fn the_forge_hears_what_a_pull_request_came_to() {
    let repo = Repo::with_command();
    let proposes = |turns: u64| {
        repo.git(&["checkout", "-q", "-B", "feature"]);
        repo.work(turns);
        let sha = repo.commit(&format!("{turns} turns"));
        repo.git(&["update-ref", "refs/pull/5/head", &sha]);
        repo.git(&["checkout", "-q", "main"]);
        sha
    };
    let costlier = proposes(2_000);
    let fake = Fake::new(Rules::Gitea);
    let server = Server::of(&repo);
    let token = server.data().join("token");
    std::fs::write(&token, SECRET).unwrap();
    let api = fake.api();
    server.project(&gitea(&api, "o/r", token.to_str().unwrap()));
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    let measured = |sha: &str| {
        wait("its head", || pull(&server, "pull/5")["sha"] == sha);
        wait("its job", || {
            pull(&server, "pull/5")["standing"] == "waiting"
        });
        let mut run = server.collector("open", &[&["--once"][..], untrusted()].concat());
        wait("its number", || {
            assert!(run.status().unwrap().success());
            pull(&server, "pull/5")["standing"] == "measured"
        });
    };
    measured(&costlier);
    wait("a comment", || fake.ours().len() == 1);
    let body = fake.ours().remove(0).body;
    assert!(
        body.contains("1 of 1 benchmark regressed: `work`")
            && body.contains("leaves the main line"),
        "{body}"
    );
    {
        let s = fake.state();
        assert_eq!(s.statuses[0]["state"], "failure");
        assert_eq!(s.statuses[0]["sha"], costlier.as_str());
        assert_eq!(s.statuses[0]["context"], "uptick/lexis/server");
    }
    let mended = proposes(1_000);
    measured(&mended);
    wait("the edit", || fake.ours()[0].edits > 0);
    wait("the state", || fake.state().statuses.len() == 2);
    assert!(fake.ours()[0].body.contains("no regression in 1 benchmark"));
    let s = fake.state();
    assert_eq!(
        (s.notes.len(), &s.statuses[1]["state"]),
        (1, &"success".into())
    );
    assert_eq!(s.sins, Vec::<String>::new());
}

#[test]
fn what_a_project_is_told_is_checked_and_shown() {
    let repo = Repo::with_command();
    let server = Server::of(&repo);
    let token = server.data().join("token");
    std::fs::write(&token, SECRET).unwrap();
    let token = token.to_str().unwrap();
    let forge = |api: &'static str, repository: &'static str| {
        let place = ["forge", "lexis", "--kind", "gitea", "--token-file", token];
        [&place[..], &["--api", api, "--repository", repository]].concat()
    };
    for open in [
        "http://127.0.0.1.evil.example/",
        "http://forge.example/api/v1",
    ] {
        refused(&server, &forge(open, "o/r"), "would show the token");
    }
    for none in ["https://", "https:///api/v1", "https://t@forge.example"] {
        refused(&server, &forge(none, "o/r"), "--api: an address");
    }
    refused(
        &server,
        &forge("https://forge.example", ""),
        "--repository:",
    );
    server.project(&forge("https://forge.example/api/v1/", "o/r"));
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    let line = server.project(&["list"]);
    assert!(
        line.contains(
            "  pull requests refs/pull/*/head  commented on at https://forge.example/api/v1 o/r (gitea)"
        ),
        "{line}"
    );
    let shown = serde_json::json!({
        "kind": "gitea", "api": "https://forge.example/api/v1", "repository": "o/r",
    });
    let text = server.project(&["list", "--json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["projects"][0]["forge"], shown);
    assert_eq!(list["projects"][0]["pulls"][0], "refs/pull/*/head");
    let set: Value = serde_json::from_str(&server.project(&["set", "lexis", "--json"])).unwrap();
    assert_eq!(set["forge"], shown);
    assert!(!text.contains(SECRET) && !set.to_string().contains(SECRET));

    for unknown in [&["pulls", "nosuch"][..], &["approve", "nosuch", "1"]] {
        refused(&server, unknown, "there is no project `nosuch`");
    }
    let empty = tempfile::tempdir().unwrap();
    for args in [["project", "list", "--data"], ["token", "list", "--data"]] {
        let out = uptick(&args).arg(empty.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(5), "{said}");
        assert!(said.contains("`uptick project add` or"), "{said}");
    }
}

/// What a pull request builds and runs reads no file of the user, and writes none but its own; its
/// counts are those of the same program outside.
#[test]
fn what_a_pull_request_brings_runs_in_a_sandbox() {
    if let Err(why) = Sandbox::of(std::path::Path::new("/nowhere")) {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "NOT ASKED: {why}");
        return;
    }
    let repo = Repo::with_command();
    let toml = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    // Several, so that some run beside each other.
    let more = (0..6).map(|n| toml.replace("\"work\"", &format!("\"work-{n}\"")));
    let all: String = std::iter::once(toml.clone()).chain(more).collect();
    let toml = format!("[suite]\ncounter = \"callgrind\"\n{all}");
    repo.write("uptick.toml", &toml);
    repo.commit("counted by callgrind");
    let server = Server::of(&repo);
    let secret = server.data().join("secret");
    std::fs::write(&secret, "s").unwrap();
    repo.git(&["checkout", "-q", "-b", "feature"]);
    let pries = toml.replace("build = \"", "build = \"sh pry.sh && ");
    assert_ne!(pries, toml);
    repo.write("uptick.toml", &pries);
    let pry = |reads: &str| {
        let git = "$UPTICK_TREE/../../../../../.git";
        let pry = format!(
            "test -d {git} || exit 8\nif cat {reads} >&2; then exit 9; fi\n\
             if touch {git}/planted; then exit 10; fi\nexit 0\n"
        );
        repo.write("pry.sh", &pry);
        let sha = repo.commit("pries");
        repo.git(&["update-ref", "refs/pull/7/head", &sha]);
        sha
    };
    let sha = pry(secret.to_str().unwrap());
    repo.git(&["checkout", "-q", "main"]);
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    let runs = |name: &str, args: &[&str]| {
        let run = server.collector(name, args).status();
        assert!(run.unwrap().success());
    };
    wait("the pull request", || {
        pull(&server, "pull/7")["standing"] == "waiting"
    });
    // Its base is no stranger's, and is measured outside.
    runs("base", &["--once"]);
    runs("open", &["--once", "--untrusted"]);
    let found = pull(&server, "pull/7");
    assert_eq!(found["standing"], "measured", "{found:#}");
    let branch = server.json("/p/lexis/branch.json?name=pull/7");
    let newest = &branch["commits"][0];
    assert_eq!(newest["sha"], sha.as_str(), "{branch:#}");
    let verdict = &newest["verdict"];
    assert_eq!(
        (&verdict["unchanged"], &verdict["failed"]),
        (&7.into(), &0.into()),
        "{branch:#}"
    );

    // Outside it would have found both.
    let outside = |what: &str, status: &str| {
        repo.git(&["checkout", "-q", "feature"]);
        let sha = pry(what);
        repo.git(&["checkout", "-q", "main"]);
        let is_it = |p: &Value| p["sha"] == sha.as_str() && p["standing"] == "waiting";
        wait("the push", || is_it(&pull(&server, "pull/7")));
        runs("open", &["--once", "--untrusted", "--sandbox", "none"]);
        let page = server.get(&format!("/p/lexis/commit/{sha}")).1;
        assert!(page.contains(status), "{page}");
    };
    outside(&format!("{0} {0}", secret.display()), "exit status: 9");
    outside("/nowhere", "exit status: 10");
}

/// Whoever could leave an object file or an executable for another one would decide its numbers.
#[test]
fn what_one_pull_request_leaves_no_other_one_builds_upon() {
    let repo = Repo::with_command();
    let toml = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    let toml = toml.replace("build = \"", "build = \"sh pry.sh && ");
    let planted = "$UPTICK_TREE/../../planted";
    let push = |number: u64, script: &str| {
        repo.git(&["checkout", "-q", "-B", &format!("p{number}"), "main"]);
        repo.write("uptick.toml", &toml);
        repo.write("pry.sh", script);
        let sha = repo.commit("pries");
        repo.git(&["update-ref", &format!("refs/pull/{number}/head"), &sha]);
        repo.git(&["checkout", "-q", "main"]);
        sha
    };
    let first = push(7, &format!("touch {planted}\n"));
    let server = Server::of(&repo);
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    let measured = |name: &str, sha: &str| {
        wait("the push", || pull(&server, name)["sha"] == sha);
        wait("the pull request", || {
            let mut collector = server.collector("open", &[untrusted(), &["--once"]].concat());
            assert!(collector.status().unwrap().success());
            pull(&server, name)["standing"] == "measured"
        });
        let page = server.get(&format!("/p/lexis/commit/{sha}")).1;
        assert!(!page.contains("exit status"), "{name}: {page}");
    };
    measured("pull/7", &first);
    // Its own builds go on from there.
    let own = push(7, &format!("test -e {planted} || exit 8\n"));
    measured("pull/7", &own);
    let other = push(8, &format!("test ! -e {planted} || exit 9\n"));
    measured("pull/8", &other);
}

/// What is committed may be a link; uptick itself, outside of the sandbox, would follow it.
#[test]
fn what_a_pull_request_commits_leads_uptick_nowhere() {
    if !untrusted().iter().all(|a| *a == "--untrusted") {
        return;
    }
    let repo = Repo::with_command();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "nobody = \"sees this\"\n").unwrap();
    let propose = |number: u64, link: &str, to: &std::path::Path| {
        repo.git(&["checkout", "-q", "-b", &format!("p{number}"), "main"]);
        let at = repo.path().join(link);
        let _ = std::fs::remove_file(&at);
        std::os::unix::fs::symlink(to, &at).unwrap();
        let sha = repo.commit("proposes a link");
        repo.git(&["update-ref", &format!("refs/pull/{number}/head"), &sha]);
        repo.git(&["checkout", "-q", "main"]);
        sha
    };
    let proposed = [
        (
            propose(7, "uptick.toml", &secret),
            "uptick.toml: it leads out of the sandbox",
        ),
        (
            propose(8, ".uptick", outside.path()),
            "the commit brings a `.uptick` of its own",
        ),
    ];
    let server = Server::of(&repo);
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    for (sha, why) in proposed {
        let job = || {
            let jobs = server.json("/api/v1/jobs");
            let jobs = jobs["jobs"].as_array().unwrap();
            jobs.iter().find(|j| j["sha"] == sha.as_str()).cloned()
        };
        wait("the end of its job", || {
            let mut collector = server.collector("open", &[untrusted(), &["--once"]].concat());
            collector.status().unwrap();
            job().is_some_and(|j| j["state"] == "failed")
        });
        let job = job().unwrap();
        assert!(job["why"].as_str().unwrap().starts_with(why), "{job:#}");
        assert!(!job.to_string().contains("sees this"), "{job:#}");
    }
    let left = std::fs::read_dir(outside.path()).unwrap().count();
    assert_eq!(left, 1, "only the secret lies there");
}
