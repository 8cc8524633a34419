//! `uptick serve` as its supervisor sees it: what is printed when, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn serve(store: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_uptick"))
        .arg("--store")
        .arg(store)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end; a minute only ends a test that would hang.
fn end(mut child: Child) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begin.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_address_is_printed_once_it_answers_and_every_polite_signal_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT", "HUP"] {
        let mut child = serve(&dir.path().join("uptick.db"));
        let mut line = String::new();
        let said = child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://");
        let socket = std::net::TcpStream::connect(address.trim_end_matches('/'));
        assert!(socket.is_ok(), "{line}");
        let sent = Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(end(child), Some(0), "{signal}");
    }
}

#[test]
fn no_address_is_printed_of_a_store_that_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("uptick.db");
    std::fs::write(&path, "this is no database, however long one looks at it").unwrap();
    let out = serve(&path).wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(5));
    assert!(
        out.stdout.is_empty(),
        "{:?}",
        String::from_utf8_lossy(&out.stdout)
    );
}
