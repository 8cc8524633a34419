//! `serve --blobs`: what is refused, and what the commands do with profiles outside the store.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use collector::model::digest;
use collector::store::Store;
use serde_json::json;

use crate::faults::objects::fake::{BUCKET, Fake, KEY, SECRET};
use crate::faults::objects::{profile, profiled};
use crate::serve::{address, end, send, serve_with};

/// A store in a folder of its own.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("uptick.db")
    }

    fn profiles(&self) -> PathBuf {
        self.dir.path().join("profiles")
    }

    fn blobs(&self) -> String {
        format!("file://{}", self.profiles().display())
    }

    /// Has three reports handed in, and waits until their profiles are moved.
    fn filled() -> Self {
        let place = Self::new();
        let mut server = serve_with(&place.store(), &["--blobs", &place.blobs()]);
        let address = address(&mut server);
        for n in 1..=3 {
            let body = profiled(n);
            let mut socket = std::net::TcpStream::connect(&address).unwrap();
            let head = format!(
                "POST /api/v1/reports HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            std::io::Write::write_all(&mut socket, &[head.as_bytes(), &body].concat()).unwrap();
            let mut answer = String::new();
            std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        }
        place.moved(server, 3);
        place
    }

    /// Waits until so many are moved and none waits, and ends the server.
    fn moved(&self, server: Child, n: u64) {
        let begin = Instant::now();
        loop {
            let store = Store::open_existing(&self.store()).unwrap();
            let counts = store.object_counts().unwrap();
            if (counts.pending, counts.moved) == (0, n) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{counts:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        send(&server, "TERM");
        assert_eq!(end(server), Some(0));
    }

    /// Where the profile of a commit lies.
    fn file(&self, n: usize) -> PathBuf {
        let store = Store::open_existing(&self.store()).unwrap();
        let folder = store.place().unwrap().unwrap().folder;
        let hash = digest(&profile(n));
        self.profiles().join(folder).join(&hash[..2]).join(hash)
    }

    fn uptick(&self, args: &[&str]) -> Output {
        uptick(&self.store(), args, &[])
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, word: &str) {
        let out = self.uptick(args);
        let said = text(&out);
        assert_eq!(out.status.code(), Some(code), "{said}");
        assert!(said.contains(word), "{said}");
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> serde_json::Value {
        let out = self.uptick(args);
        assert!(out.status.success(), "{}", text(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

fn uptick(store: &Path, args: &[&str], env: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptick"));
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
    ] {
        command.env_remove(name);
    }
    let command = command.arg("--store").arg(store).args(args);
    let command = command.envs(env.iter().map(|(n, v)| (n, v)));
    let command = command.current_dir(store.parent().unwrap());
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(out: &Output) -> String {
    let parts = [&out.stdout[..], &out.stderr].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_served() {
    let place = Place::new();
    let serve = |blobs: &str, env: &[(&str, String)]| {
        let args = ["serve", "--listen", "127.0.0.1:0", "--blobs", blobs];
        let out = uptick(&place.store(), &args, env);
        let said = text(&out);
        assert!(
            !said.contains(SECRET) && !said.contains("wrong-secret"),
            "{said}"
        );
        assert!(!said.contains(KEY) && !said.contains("X-Amz"), "{said}");
        (out.status.code(), said)
    };
    for wrong in ["nonsense", "file://relative", "s3://", "s3://a:b@c"] {
        let (code, said) = serve(wrong, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("s3://BUCKET"), "{said}");
    }
    let fake = Fake::start();
    let bucket = format!("s3://{BUCKET}");
    let (code, said) = serve(&bucket, &[]);
    assert!(
        code == Some(2) && said.contains("AWS_ACCESS_KEY_ID"),
        "{said}"
    );
    let mut env = fake.environment();
    env.retain(|(n, _)| *n != "AWS_SECRET_ACCESS_KEY");
    env.push(("AWS_SECRET_ACCESS_KEY", "wrong-secret".into()));
    let (code, said) = serve(&bucket, &env);
    assert!(
        code == Some(2) && said.contains("is not the secret"),
        "{said}"
    );
    let (code, said) = serve("s3://another", &fake.environment());
    assert!(code == Some(2) && said.contains("no such bucket"), "{said}");
    fake.down(true);
    let (code, said) = serve(&bucket, &fake.environment());
    assert!(
        code == Some(5) && said.contains("does not answer"),
        "{said}"
    );
    place.fails(
        &["serve", "--read-only", "--blobs", &bucket],
        2,
        "--read-only",
    );
}

#[test]
fn commands_find_profiles_by_what_the_store_remembers() {
    let place = Place::filled();
    let v = place.json(&["verify", "--json"]);
    assert_eq!(
        (&v["profiles"], &v["elsewhere"]),
        (&json!(3), &json!(3)),
        "{v}"
    );
    assert_eq!(std::fs::read(place.file(2)).unwrap(), profile(2));
    // An export has them; another store has them in its file.
    place.json(&["backup", "copy.db", "--json"]);
    place.fails(
        &["backup", "more.db"],
        0,
        "3 profiles are not in it: they lie in file:///",
    );
    let restored = place.dir.path().join("restored.db");
    let said = text(&uptick(&restored, &["restore", "copy.db"], &[]));
    assert!(said.contains("removes none"), "{said}");
    let instead = ["restore", "copy.db", "--original-gone"];
    let said = text(&uptick(&place.dir.path().join("i.db"), &instead, &[]));
    assert!(!said.contains("note:"), "{said}");
    assert!(place.uptick(&["export", "e.jsonl"]).status.success());
    let other = place.dir.path().join("other.db");
    assert!(uptick(&other, &["import", "e.jsonl"], &[]).status.success());
    assert!(text(&uptick(&other, &["verify"], &[])).contains("3 profiles read\n"));
    // What is lost or another there is named.
    std::fs::write(place.file(1), "another").unwrap();
    std::fs::remove_file(place.file(2)).unwrap();
    place.fails(&["verify"], 5, &digest(&profile(1)));
    place.fails(&["verify"], 5, &digest(&profile(2)));
    // A directory that is gone is said to be, and nothing is half.
    let aside = place.dir.path().join("aside");
    std::fs::rename(place.profiles(), &aside).unwrap();
    place.fails(&["verify"], 5, "3 profiles were not read: file:///");
    place.fails(&["export", "f.jsonl"], 5, "is its disk mounted?");
    assert!(!place.dir.path().join("f.jsonl").exists());
    std::fs::rename(&aside, place.profiles()).unwrap();
    // What is imported again is put right there, by a server that nobody told the place.
    assert!(place.uptick(&["import", "e.jsonl"]).status.success());
    let mut server = serve_with(&place.store(), &[]);
    assert!(!address(&mut server).is_empty());
    place.moved(server, 3);
    let v = place.json(&["verify", "--json"]);
    assert_eq!(
        (&v["profiles"], &v["elsewhere"]),
        (&json!(3), &json!(3)),
        "{v}"
    );
}

#[test]
fn what_is_pruned_goes_there_too() {
    let place = Place::filled();
    let files: Vec<PathBuf> = (1..=3).map(|n| place.file(n)).collect();
    let db = rusqlite::Connection::open(place.store()).unwrap();
    let aged = db.execute("UPDATE arrival SET time = time - 86400 * 91", []);
    assert!(aged.unwrap() > 0);
    drop(db);
    let did = place.json(&["prune", "--keep-profiles", "90d", "--json"]);
    assert_eq!(did["pruned"]["profiles"], 3, "{did}");
    assert!(files.iter().all(|f| !f.exists()));
    let v = place.json(&["verify", "--json"]);
    assert_eq!(
        (&v["pruned"], &v["elsewhere"]),
        (&json!(3), &json!(0)),
        "{v}"
    );
}

#[test]
fn another_place_is_taken_once_everything_is_there() {
    let place = Place::filled();
    let aside = place.dir.path().join("aside");
    let blobs = format!("file://{}", aside.display());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--blobs", &blobs];
    place.fails(&serve, 2, "3 of them are not in file:///");
    std::fs::remove_dir_all(&aside).unwrap();
    // A copy that was cut off is none.
    std::fs::write(place.file(1), "").unwrap();
    std::fs::rename(place.profiles(), &aside).unwrap();
    place.fails(&serve, 2, "1 of them are not in file:///");
    let cut = place.file(1);
    let cut = aside.join(cut.strip_prefix(place.profiles()).unwrap());
    std::fs::write(cut, profile(1)).unwrap();
    let mut server = serve_with(&place.store(), &["--blobs", &blobs]);
    assert!(!address(&mut server).is_empty());
    send(&server, "TERM");
    assert_eq!(end(server), Some(0));
    let v = place.json(&["verify", "--json"]);
    assert_eq!(
        (&v["profiles"], &v["elsewhere"]),
        (&json!(3), &json!(3)),
        "{v}"
    );
}
