//! Pull requests on a server: which are measured, for whom, and where their judgement stands.

use serde_json::Value;

use crate::collect::{Server, said, uptick};
use crate::forge::fake::{Fake, Rules, SECRET};
use crate::support::{Repo, wait};

/// The one pull request of that name.
fn pull(server: &Server, name: &str) -> Value {
    let all = server.json("/api/v1/pulls");
    let all = all["pulls"].as_array().unwrap();
    let found = all.iter().find(|p| p["name"] == name);
    found.cloned().unwrap_or(Value::Null)
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

    once("open", &["--untrusted"]);
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
    once("open", &["--untrusted"]);
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
    server.project(&["approve", "lexis", &next[..12]]);
    wait("the approved one", || {
        pull(&server, "pull/8")["standing"] == "waiting"
    });
    once("open", &["--untrusted"]);
    let branch = server.json("/p/lexis/branch.json?name=pull/8");
    assert!(
        branch["commits"][0]["verdict"]["regressed"].is_null(),
        "{branch:#}"
    );
    let listed = server.project(&["pulls", "lexis"]);
    assert!(
        listed.contains("pull/8") && listed.contains("measured"),
        "{listed}"
    );

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
    let dear = proposes(2_000);
    let fake = Fake::new(Rules::Gitea);
    let server = Server::of(&repo);
    let token = server.data().join("token");
    std::fs::write(&token, SECRET).unwrap();
    let api = fake.api();
    let forge = [
        "forge",
        "lexis",
        "--kind",
        "gitea",
        "--api",
        &api,
        "--repository",
        "o/r",
        "--token-file",
        token.to_str().unwrap(),
    ];
    server.project(&forge);
    server.project(&["set", "lexis", "--pulls", "refs/pull/*/head"]);
    let measured = |sha: &str| {
        wait("its head", || pull(&server, "pull/5")["sha"] == sha);
        wait("its job", || {
            pull(&server, "pull/5")["standing"] == "waiting"
        });
        let mut run = server.collector("open", &["--once", "--untrusted"]);
        while pull(&server, "pull/5")["standing"] != "measured" {
            assert!(run.status().unwrap().success());
        }
    };
    measured(&dear);
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
        assert_eq!(s.statuses[0]["sha"], dear.as_str());
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
