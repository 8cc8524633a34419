//! What whoever runs a server does with it: backs it up, restores it, works on one of its projects,
//! removes one, starts it with the machine.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::collect::{Server, ask, gitea, held_up, said, start, uptick};
use crate::support::{Ran, Repo, wait};

/// A forge that is named and never asked.
const API: &str = "https://git.example.org/api/v1";
/// Adds a channel to the project `lexis`, with an address that lies in the file `url`.
const ADD_CHANNEL: [&str; 9] = [
    "channel",
    "add",
    "team",
    "--kind",
    "slack",
    "--url-file",
    "url",
    "--project",
    "lexis",
];

/// Runs a command on a server's directory, from within a repository that has a store of its own.
fn on(data: &Path, repo: &Repo, args: &[&str]) -> Ran {
    repo.uptick_with(args, |c| {
        c.arg("--data").arg(data);
    })
}

fn json(address: &str, path: &str, token: &str) -> Value {
    let (status, body) = ask(address, "GET", path, token, &[], b"");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Everything below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// Measures the one commit of a repository on a server that serves it as `lexis`.
fn measured(repo: &Repo) -> Server {
    let server = Server::of(repo);
    wait("a job waits", || {
        server.json("/api/v1/jobs")["counts"]["waiting"] == 1
    });
    let done = server.collector("one", &["--once"]).status().unwrap();
    assert!(done.success());
    server
}

#[test]
fn a_server_is_backed_up_while_it_serves_and_restored_whole() {
    let repo = Repo::with_command();
    let server = measured(&repo);
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::write(at("token"), "forge-token-of-the-test\n").unwrap();
    let token = at("token").display().to_string();
    server.project(&gitea(API, "a/b", &token));
    let to = at("backup").display().to_string();
    let made = on(&server.data(), &repo, &["backup", &to, "--json"]).exits(0);
    assert_eq!(made.json()["projects"][0], "lexis", "{}", made.stdout);
    on(&server.data(), &repo, &["backup", &to])
        .exits(2)
        .says(&["there already", "move it away"]);
    let mut copied: Vec<String> = files(&at("backup"))
        .iter()
        .map(|f| f.strip_prefix(&to).unwrap().display().to_string())
        .collect();
    copied.sort();
    assert_eq!(copied, ["projects/lexis/uptick.db", "service.db"]);

    // It is a directory of files, none of which others may read.
    let from = at("backup").display().to_string();
    on(&server.data(), &repo, &["restore", &from])
        .exits(2)
        .says(&["there already"]);
    let again = at("again");
    std::fs::create_dir(&again).unwrap();
    // It may be a disk of its own: it stays the directory that it is, and has what a new disk has.
    std::fs::create_dir(again.join("lost+found")).unwrap();
    let number = std::fs::metadata(&again).unwrap().ino();
    let done = on(&again, &repo, &["restore", &from, "--json"]).exits(0);
    assert_eq!(done.json()["reports"], 1, "{}", done.stdout);
    let own = std::fs::metadata(again.join("service.db")).unwrap();
    assert_eq!(own.permissions().mode() & 0o007, 0);
    let about = std::fs::metadata(&again).unwrap();
    assert_eq!(about.ino(), number);
    assert_eq!(about.permissions().mode() & 0o007, 0);
    let left = again.read_dir().unwrap().flatten();
    let half = left.filter(|e| e.file_name().to_string_lossy().starts_with(".uptick-"));
    assert_eq!(half.count(), 0);
    let (mut child, address) = start(&again, "127.0.0.1:0", &[]);
    let jobs = json(&address, "/api/v1/jobs", &server.admin);
    let reports = json(&address, "/p/lexis/api/v1/reports", &server.admin);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(jobs["jobs"][0]["state"], "done", "{jobs}");
    assert_eq!(reports["reports"][0]["hash"], jobs["jobs"][0]["report"]);
    let kept = said(uptick(&["project", "list", "--json", "--data"]).arg(&again));
    assert!(
        kept.contains("git.example.org") && !kept.contains("forge-token"),
        "{kept}"
    );
    // The store of one project is no backup of a server.
    let one = at("backup/projects/lexis/uptick.db").display().to_string();
    on(&at("third"), &repo, &["restore", &one])
        .exits(2)
        .says(&["no backup of a server", "--project"]);
    let left = place.path().read_dir().unwrap().flatten();
    let half = left.filter(|e| e.file_name().to_string_lossy().starts_with(".uptick-"));
    assert_eq!(half.count(), 0);
}

/// Whoever names a server means it: nothing is done to the store of the repository around instead.
#[test]
fn a_command_on_a_server_is_done_there_or_refused() {
    let repo = Repo::with_command();
    let server = measured(&repo);
    // With a store of its own that is another one: it has no report.
    repo.uptick(&["import"]).exits(2);
    let data = server.data();
    let ran = |args: &[&str]| on(&data, &repo, args);
    for args in [
        &["export"][..],
        &["import", "x"],
        &["verify"],
        &["rebuild"],
        &["prune", "--keep", "1y"],
        &["exclude"],
        &["channel", "list"],
    ] {
        ran(args).exits(2).says(&["--project NAME (lexis)"]);
    }
    for args in [
        &["log"][..],
        &["run"],
        &["changes"],
        &["check"],
        &["replay"],
    ] {
        ran(args)
            .exits(2)
            .says(&["--store", "projects/NAME/uptick.db", "(lexis)"]);
    }
    for args in [&["doctor"][..], &["init"], &["list"], &["help"]] {
        ran(args).exits(2).says(&["nothing to do with a server"]);
    }
    // `git bisect run` takes 2 for a bad commit.
    ran(&["bisect-step", "work"]).exits(130);
    let with_variable = |args: &[&str]| {
        repo.uptick_with(args, |c| {
            c.env("UPTICK_DATA", &data);
        })
    };
    with_variable(&["help", "server"]).exits(0);
    // A repository on the machine that serves is measured as anywhere.
    let other = Repo::with_command();
    let run = other.uptick_with(&["run"], |c| {
        c.env("UPTICK_DATA", &data);
    });
    run.exits(0);
    with_variable(&["verify"]).exits(2).says(&["UPTICK_DATA="]);

    ran(&["verify", "--project", "nowhere"])
        .exits(2)
        .says(&["no project `nowhere` (lexis)"]);
    repo.uptick(&["verify", "--project", "lexis"])
        .exits(2)
        .says(&["--data DIR"]);
    let whole = ran(&["verify", "--project", "lexis", "--json"]).exits(0);
    assert_eq!(whole.json()["reports"], 1);
    let all = ran(&["export", "--project", "lexis"]).exits(0).stdout;
    assert!(all.contains("\"uptick.report/1\""), "{all}");
    let to = server.data().join("one.db").display().to_string();
    ran(&["backup", &to, "--project", "lexis"]).exits(0);
    repo.uptick(&["--store", &to, "verify", "--json"]).exits(0);
    repo.write("url", "https://hooks.example.org/x");
    // The project may be named before what is done, too.
    let add = [&["channel", "--project", "lexis"][..], &ADD_CHANNEL[1..7]].concat();
    ran(&add).exits(0);
    let listed = ran(&["channel", "list", "--project", "lexis"])
        .exits(0)
        .stdout;
    assert!(listed.starts_with("team "), "{listed}");
    // None of it went into the repository's own store.
    let own = repo.uptick(&["verify", "--json"]).exits(0).json();
    assert_eq!(own["reports"], 0);
    repo.uptick(&["channel", "list"])
        .exits(0)
        .says(&["no channels"]);
}

#[test]
fn a_removed_project_is_measured_by_nobody_and_its_directory_can_be_deleted() {
    let (repo, place) = (Repo::with_command(), tempfile::tempdir().unwrap());
    let flag = place.path().join("wait");
    std::fs::write(&flag, "").unwrap();
    held_up(&repo, &flag);
    repo.commit("held up");
    let server = Server::of(&repo);
    let counts = || server.json("/api/v1/jobs")["counts"].clone();
    wait("a job waits", || counts()["waiting"] == 1);
    let mut at_work = server.collector("one", &["--once"]).spawn().unwrap();
    wait("it is taken", || counts()["leased"] == 1);
    let list = || server.project(&["list", "--json"]);
    let said = on(&server.data(), &repo, &["project", "remove", "lexis"]).exits(0);
    let home = server.data().join("projects/lexis");
    let kept = home.display().to_string();
    said.says(&["0 jobs withdrawn", "1 job taken from collectors", &kept]);
    assert!(list().contains("\"projects\": []"), "{}", list());
    // The build hangs as before: it is ended because the job is lost.
    wait("its collector gives up", || {
        at_work.try_wait().unwrap().is_some()
    });
    wait("it is served no more", || server.get("/p/lexis/").0 == 404);
    let after = counts();
    assert_eq!(
        (&after["waiting"], &after["leased"]),
        (&0.into(), &0.into())
    );
    assert!(home.join("uptick.db").is_file() && home.join("mirror.git").is_dir());
    std::fs::remove_dir_all(&home).unwrap();
    assert_eq!(server.get("/readyz").0, 200);
    on(&server.data(), &repo, &["project", "remove", "lexis"])
        .exits(2)
        .says(&["no project `lexis`"]);

    // Under the same name it begins anew.
    std::fs::remove_file(&flag).unwrap();
    let url = repo.path().display().to_string();
    server.project(&["add", "lexis", "--url", &url, "--poll", "1"]);
    wait("its newest commit waits", || counts()["waiting"] == 1);
    let done = server.collector("one", &["--once"]).status().unwrap();
    assert!(done.success());
    wait("its report is on the pages", || {
        let reports = server.json("/p/lexis/api/v1/reports");
        reports["reports"].as_array().unwrap().len() == 1
    });
}

/// Everything that a server says on standard error from its start to its end.
fn said_at_the_start(data: &Path, args: &[&str]) -> String {
    let mut child = uptick(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    crate::serve::address(&mut child);
    let id = child.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    String::from_utf8(out.stderr).unwrap()
}

/// A link to loopback is of no use to whoever gets it by message.
#[test]
fn a_server_without_an_address_for_people_says_where_its_messages_lead() {
    let repo = Repo::new();
    let data = repo.path().join("srv");
    let words = "links in messages lead to http://127.0.0.1:";
    on(
        &data,
        &repo,
        &[
            "project", "add", "lexis", "--url", "/nowhere", "--branch", "main",
        ],
    )
    .exits(0);
    assert!(!said_at_the_start(&data, &[]).contains(words));
    repo.write("token", "forge-token");
    let forge = [&["project"][..], &gitea(API, "a/b", "token")].concat();
    on(&data, &repo, &forge).exits(0);
    assert!(said_at_the_start(&data, &[]).contains(words));
    on(&data, &repo, &["project", "forge", "lexis", "--remove"]).exits(0);
    repo.write("url", "https://hooks.example.org/x");
    on(&data, &repo, &ADD_CHANNEL).exits(0);
    assert!(said_at_the_start(&data, &[]).contains(words));
    let named = ["--public-url", "https://uptick.example.org"];
    assert!(!said_at_the_start(&data, &named).contains(words));
}

/// The words of a unit's command, as systemd would give them, without the program.
fn command_of(unit: &str) -> Vec<String> {
    let line = unit
        .lines()
        .find_map(|l| l.strip_prefix("ExecStart="))
        .unwrap();
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = line.chars().peekable();
    while let Some(c) = signs.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' | '%' | '$' if quoted => word.extend(signs.next()),
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    assert!(Path::new(&words[0]).is_absolute(), "{line}");
    words.split_off(1)
}

/// Asks systemd whether it understands a unit, where it is at hand.
fn is_understood(dir: &Path, name: &str, unit: &str) {
    let file = dir.join(name);
    std::fs::write(&file, unit).unwrap();
    let asked = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&file)
        .output();
    let Ok(out) = asked else {
        let _ = writeln!(
            std::io::stderr(),
            "NOT ASKED: there is no systemd-analyze here"
        );
        return;
    };
    let said = String::from_utf8_lossy(&out.stderr);
    // What it says of other units of this machine is not of ours.
    let ours: Vec<&str> = said.lines().filter(|l| l.contains(name)).collect();
    assert!(ours.is_empty(), "{said}\n{unit}");
}

/// What a variable says here, the unit says as an option: whoever starts it has no such variable.
#[test]
fn a_unit_has_the_log_that_a_variable_named() {
    let log = "postgres://uptick@db1/log";
    for (words, wanted) in [
        (&["serve"][..], format!(" --log {log}\n")),
        (&["serve", "--log=info"], format!(" --log {log}\n")),
    ] {
        let mut command = uptick(words);
        command.arg("--print-unit").env("UPTICK_LOG", log);
        let unit = said(&mut command);
        assert!(unit.contains(&wanted), "{unit}");
    }
    let mut command = uptick(&["serve", "--log=info", "--print-unit"]);
    let unit = said(command.env("UPTICK_LOG", "debug"));
    assert!(
        unit.contains(" --log=info ") && !unit.contains("--log debug"),
        "{unit}"
    );
}

/// The unit starts what was said, whole paths instead of those that mean something here, and no secret.
#[test]
fn a_unit_has_the_command_that_it_was_asked_for_with() {
    let dir = tempfile::tempdir().unwrap();
    let printed = |words: &[&str]| {
        let mut command = uptick(words);
        command.arg("--print-unit").current_dir(dir.path());
        command.env("UPTICK_TOKEN", "upt_a_token_of_the_test");
        said(&mut command)
    };
    let here = dir.path().canonicalize().unwrap();
    let serve = [
        "--data",
        "srv%1",
        "serve",
        "--listen",
        "0.0.0.0:8787",
        "--name",
        "a $b",
    ];
    let unit = printed(&serve);
    let data = here.join("srv%1").display().to_string();
    let command = command_of(&unit);
    let wanted = [
        &[
            "serve",
            "--listen",
            "0.0.0.0:8787",
            "--name",
            "a $b",
            "--data",
        ][..],
        &[data.as_str()],
    ];
    assert_eq!(command, wanted.concat());
    assert!(
        unit.contains("\nReadWritePaths=\"") && unit.contains("\nRestrictNamespaces=yes\n"),
        "{unit}"
    );
    is_understood(dir.path(), "uptick.service", &unit);

    let plain = printed(&["serve"]);
    assert!(plain.contains("\nStateDirectory=uptick\n"), "{plain}");
    assert!(plain.contains(" serve --data /var/lib/uptick\n"), "{plain}");
    // A server that measures too needs what a collector needs.
    let both = printed(&[
        "serve",
        "--data",
        "/var/lib/uptick",
        "--collect",
        "--blobs",
        "file:///srv/profiles",
    ]);
    assert!(
        !both.contains("RestrictNamespaces") && both.contains("\nReadWritePaths=/srv/profiles\n"),
        "{both}"
    );

    let collect = [
        "collect",
        "--server",
        "https://uptick.example.org",
        "--name",
        "bare-1",
        "--label",
        "arm",
    ];
    let unit = printed(&collect);
    let command = command_of(&unit);
    for words in [
        "\nLoadCredential=token:/etc/uptick/collector.token\n",
        "\nStateDirectory=uptick-collector\n",
        "\nKillMode=mixed\n",
        "\nRestart=on-failure\n",
        " --token-file %d/token\n",
    ] {
        assert!(unit.contains(words), "{words}: {unit}");
    }
    assert!(!unit.contains("upt_a_token"), "{unit}");
    is_understood(dir.path(), "uptick-collector.service", &unit);

    // What it starts are arguments of ours: with them the same unit is written.
    for (command, unit) in [
        (command, unit),
        (command_of(&plain), plain),
        (command_of(&both), both),
    ] {
        let given = command
            .iter()
            .map(|w| w.replace("%d/token", "/etc/uptick/collector.token"));
        let given: Vec<String> = given.collect();
        let words: Vec<&str> = given.iter().map(String::as_str).collect();
        assert_eq!(printed(&words), unit);
    }
}

/// What a machine is to a server is said before it is put to work there.
#[test]
fn doctor_says_whether_a_machine_can_work_for_a_server() {
    let repo = Repo::with_command();
    let server = Server::of(&repo);
    wait("a job waits", || {
        server.json("/api/v1/jobs")["counts"]["waiting"] == 1
    });
    let data = server.data();
    let token = |args: &[&str]| {
        said(
            uptick(&["token", "create"])
                .args(args)
                .arg("--data")
                .arg(&data),
        )
    };
    let asked = |token: &str, args: &[&str]| {
        let address = server.url();
        let doctor = [&["doctor", "--server", &address], args].concat();
        repo.uptick_with(&doctor, |c| {
            c.env("UPTICK_TOKEN", token);
        })
    };
    let collect = token(&["one", "--scope", "collect", "--label", "default"]);
    let ran = asked(&collect, &[]).exits(0);
    for words in [
        "it answers and takes reports",
        "`one` of scope collect, for default alone",
        " on both",
        "as the server's",
        "1 job for default",
        "cannot be seen from here",
        "This machine can work",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains(&collect), "{}", ran.stdout);
    let state = |ran: &Ran, what: &str| {
        let document = ran.json();
        let all = document["findings"].as_array().unwrap().clone();
        let found = all.into_iter().find(|f| f["what"] == what);
        found.unwrap_or_else(|| panic!("{document}"))["state"].clone()
    };
    let other = asked(&collect, &["--label", "arm", "--json"]).exits(4);
    assert_eq!(state(&other, "token"), "missing");
    let reads = token(&["two", "--scope", "read"]);
    assert_eq!(
        state(&asked(&reads, &["--json"]).exits(4), "token"),
        "missing"
    );
    let wrong = asked("upt_no_token", &["--json"]).exits(4);
    assert_eq!(state(&wrong, "token"), "missing");
    let nowhere = repo.uptick_with(
        &["doctor", "--server", "http://127.0.0.1:9", "--json"],
        |c| {
            c.env("UPTICK_TOKEN", &collect);
        },
    );
    assert_eq!(state(&nowhere.exits(4), "server"), "missing");
    asked("", &[]).exits(2).says(&["a token is needed"]);
}

/// The example starts what there is, and makes its token as it says.
#[test]
fn the_example_of_containers_has_commands_that_are_ours() {
    let text = include_str!("../examples/compose.yml");
    let commands = text
        .lines()
        .filter_map(|l| l.trim().strip_prefix("command: "));
    let mut seen = 0;
    for line in commands {
        let words: Vec<String> =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(words[0], "uptick");
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let unit = said(uptick(&words).arg("--print-unit"));
        assert!(unit.contains("ExecStart="), "{unit}");
        seen += 1;
    }
    assert_eq!(seen, 3);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    let repo = Repo::with_command();
    let url = repo.path().display().to_string();
    let steps = text
        .lines()
        .filter_map(|l| l.split_once(" server uptick ")?.1.into());
    let steps: Vec<&str> = steps.collect();
    assert_eq!(steps.len(), 2);
    for step in steps {
        let step = step.split(" > ").next().unwrap();
        let step = step
            .replace("/var/lib/uptick", &data)
            .replace("NAME", "lexis")
            .replace("URL", &url);
        let words: Vec<&str> = step.split_whitespace().collect();
        said(&mut uptick(&words));
    }
}

/// Whoever runs a server finds out who did what, and no secret by it.
#[test]
fn what_is_done_to_a_server_is_kept_with_who_did_it() {
    let repo = Repo::with_command();
    repo.git(&["config", "user.name", "Ada Lovelace"]);
    let server = Server::of(&repo);
    let counts = || server.json("/api/v1/jobs")["counts"].clone();
    wait("a job waits", || counts()["waiting"] == 1);
    let data = server.data();
    let ran = |args: &[&str]| on(&data, &repo, args).exits(0);
    let token = ran(&["token", "create", "release", "--scope", "write"]).stdout;
    let id = server.json("/api/v1/tokens")["tokens"][0]["id"].to_string();
    ran(&["token", "revoke", &id]);
    ran(&["project", "set", "lexis", "--poll", "7", "--new-secret"]);
    repo.write("url", "https://hooks.example.org/s3cret");
    ran(&ADD_CHANNEL);
    let form = ["content-type: application/x-www-form-urlencoded"];
    for way in ["cancel", "retry"] {
        let path = format!("/queue/{way}");
        let (status, why) = server.ask("POST", &path, &server.admin, &form, b"job=1");
        assert_eq!(status, 303, "{why}");
    }
    let log = server.json("/api/v1/log");
    let acts = log["acts"].as_array().unwrap();
    let found = |what: &str, thing: &str| {
        let mut all = acts.iter();
        let act =
            all.find(|a| a["what"] == what && a["thing"].as_str().unwrap().starts_with(thing));
        act.unwrap_or_else(|| panic!("{what} {thing} in {log:#}"))
            .clone()
    };
    let made = found("made", &format!("token {id}"));
    assert_eq!(made["actor"], "Ada Lovelace, on the command line");
    assert_eq!(made["detail"], "`release`, scope write");
    found("revoked", &format!("token {id}"));
    found("added", "project lexis");
    let changed = found("changed", "project lexis")["detail"].to_string();
    assert!(
        changed.contains("every 7 s") && changed.contains("another secret"),
        "{changed}"
    );
    found("added", "channel team of project lexis");
    for what in ["cancelled", "tried again"] {
        assert_eq!(found(what, "job 1")["actor"], "admin");
    }
    let listed = ran(&["project", "log"]).stdout;
    assert!(
        listed.contains("Ada Lovelace, on the command line: revoked token"),
        "{listed}"
    );
    let (status, page) = server.get("/log");
    assert!(status == 200 && page.contains("tried again"), "{page}");
    let read = ran(&["token", "create", "r", "--scope", "read"]).stdout;
    assert_eq!(server.ask("GET", "/log", read.trim(), &[], b"").0, 403);
    for text in [listed, page, log.to_string()] {
        assert!(
            !text.contains("s3cret") && !text.contains(token.trim()),
            "{text}"
        );
    }
}
