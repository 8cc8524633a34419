//! `uptick serve` as its supervisor sees it: what is printed when, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::from_a_terminal;

fn serve(store: &Path) -> Child {
    serve_with(store, &[])
}

pub(crate) fn serve_with(store: &Path, arguments: &[&str]) -> Child {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_uptick"));
    serve
        .arg("--store")
        .arg(store)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("UPTICK_LOG");
    from_a_terminal(&serve)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The address that a server prints; one that prints none within a minute is ended.
#[track_caller]
pub(crate) fn address(child: &mut Child) -> String {
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = said.read_line(&mut line);
        sender.send(read.map(|_| line))
    });
    let Ok(line) = receiver.recv_timeout(Duration::from_secs(60)) else {
        child.kill().unwrap();
        panic!("the server said nothing within a minute");
    };
    let line = line.unwrap();
    let address = line.trim().trim_start_matches("http://");
    address.trim_end_matches('/').to_owned()
}

pub(crate) fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits for the end; a minute only ends a test that would hang.
pub(crate) fn end(mut child: Child) -> Option<i32> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // It is not left behind.
    child.kill().unwrap();
    panic!("the server did not end");
}

#[test]
fn an_address_is_printed_once_it_answers_and_every_polite_signal_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT", "HUP"] {
        let mut child = serve(&dir.path().join("uptick.db"));
        let address = address(&mut child);
        let socket = std::net::TcpStream::connect(&address);
        assert!(socket.is_ok(), "{address}");
        send(&child, signal);
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

/// Asks for some addresses, ends the server, and gives what it logged and what it answered.
fn logged(arguments: &[&str], heads: &[&str]) -> (String, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut child = serve_with(&dir.path().join("uptick.db"), arguments);
    let address = address(&mut child);
    let answers = heads.iter().map(|head| {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        write!(
            socket,
            "{head}\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let answers = answers.collect();
    send(&child, "TERM");
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(end(child), Some(0));
    (said, answers)
}

const HEADS: [&str; 3] = [
    "GET /series/5ec7e7?q=s3cret HTTP/1.1\r\nauthorization: Bearer uptick_s3cret",
    "GET /s3cret/elsewhere HTTP/1.1",
    "POST /login HTTP/1.1\r\ncontent-length: 0\r\ncookie: session=s3cret",
];

#[test]
fn the_log_has_a_line_for_each_request_and_nothing_that_was_sent() {
    let (said, answers) = logged(&["--log", "info"], &HEADS);
    let lines: Vec<&str> = said.lines().filter(|l| l.contains(" request ")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    for (line, answer) in lines.iter().zip(&answers) {
        let status = answer.split(' ').nth(1).unwrap();
        assert!(line.contains(&format!(" status={status} ")), "{line}");
        let id = line
            .split(" id=")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let header = format!("x-request-id: {id}\r\n");
        assert!(answer.contains(&header), "{line}\n{answer}");
        assert!(line.contains(" micros="), "{line}");
    }
    assert!(
        lines[0].contains(r#" method=GET route="/series/{id}" "#),
        "{said}"
    );
    assert!(lines[1].contains(r#" method=GET route="-" "#), "{said}");
    assert!(
        lines[2].contains(r#" method=POST route="/login" "#),
        "{said}"
    );
    for sent in ["s3cret", "5ec7e7", "elsewhere"] {
        assert!(!said.contains(sent), "{said}");
    }
}

#[test]
fn without_a_word_about_it_nothing_is_logged_that_needs_no_attention() {
    let (said, answers) = logged(&[], &HEADS);
    assert_eq!(said, "");
    assert!(answers[0].contains("x-request-id: "), "{}", answers[0]);
}
