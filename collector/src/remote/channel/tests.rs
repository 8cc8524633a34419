//! One try, over real sockets, to a receiver on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::client::send_by;
use super::{Answer, Outcome, secret_of, send};
use crate::model::{Channel, Secret, Sink};
use crate::report::alert::Message;

const NOW: i64 = 1_795_000_000;

fn channel(sink: Sink, address: &str, private: bool) -> Channel {
    Channel {
        id: 1,
        name: "c".into(),
        sink,
        address: Secret::new(address.into()),
        secret: secret_of(&[7; 32]),
        former: Secret::default(),
        room: "!a:b.c".into(),
        sender: "uptick@lexis.example".into(),
        private,
        improvements: false,
        since: -1,
        created: 0,
        disabled: None,
        why: String::new(),
    }
}

fn message() -> Message {
    Message::test("lexis", "", NOW)
}

/// Takes one connection, gives an answer, gives what was asked.
fn once(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut some = [0; 4096];
        while !String::from_utf8_lossy(&asked).contains("\r\n\r\n{") {
            let n = stream.read(&mut some).unwrap();
            assert!(n > 0, "it hung up before its body");
            asked.extend_from_slice(&some[..n]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&asked).into_owned()
    });
    (place, serving)
}

#[track_caller]
fn answered(sink: Sink, answer: &'static str) -> (Answer, String) {
    let (place, serving) = once(answer);
    let c = channel(sink, &format!("http://{place}/hook/s3cret?x=1"), true);
    let given = send(&c, &message(), "msg_1", NOW);
    (given, serving.join().unwrap())
}

#[test]
fn only_what_was_taken_is_delivered() {
    let later = Outcome::Later(None);
    for (answer, outcome) in [
        (
            "HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n",
            Outcome::Taken,
        ),
        ("HTTP/1.1 204 x\r\n\r\n", Outcome::Taken),
        (
            "HTTP/1.1 301 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            later,
        ),
        ("HTTP/1.1 400 x\r\ncontent-length: 0\r\n\r\n", later),
        ("HTTP/1.1 410 x\r\ncontent-length: 0\r\n\r\n", Outcome::Gone),
        (
            "HTTP/1.1 429 x\r\nretry-after: 42\r\ncontent-length: 0\r\n\r\n",
            Outcome::Later(Some(42)),
        ),
        (
            "HTTP/1.1 503 x\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            Outcome::Later(Some(7)),
        ),
        ("HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n", later),
        ("", later),
        ("SSH-2.0-OpenSSH\r\n", later),
    ] {
        let (given, _) = answered(Sink::Webhook, answer);
        assert_eq!(given.outcome, outcome, "{answer}: {given:?}");
    }
}

#[test]
fn an_answer_that_repeats_the_question_shows_no_secret() {
    let answer = "HTTP/1.1 404 x\r\n\r\nno such hook: /hook/s3cret?x=1 \u{1b}[31m";
    let (given, _) = answered(Sink::Slack, answer);
    assert_eq!(given.words, "HTTP 404: there is nothing at its address");
    assert!(given.said.starts_with("no such hook: …"), "{given:?}");
    assert!(!format!("{given:?}").contains("s3cret"), "{given:?}");
}

#[test]
fn each_sink_is_asked_in_its_own_way() {
    let ok = "HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n";
    for (sink, line) in [
        (Sink::Webhook, "POST /hook/s3cret?x=1 HTTP/1.1"),
        (Sink::Slack, "POST /hook/s3cret?x=1 HTTP/1.1"),
        (Sink::Teams, "POST /hook/s3cret?x=1 HTTP/1.1"),
        (Sink::Mattermost, "POST /hook/s3cret?x=1 HTTP/1.1"),
        (Sink::Discord, "POST /hook/s3cret?x=1&wait=true HTTP/1.1"),
    ] {
        let (given, asked) = answered(sink, ok);
        assert_eq!(given.outcome, Outcome::Taken);
        assert!(asked.starts_with(line), "{asked}");
        assert!(asked.contains("content-type: application/json"), "{asked}");
        assert_eq!(
            asked.contains("webhook-signature: v1,"),
            sink == Sink::Webhook
        );
    }
    let (place, serving) = once(ok);
    let c = channel(Sink::Matrix, &format!("http://{place}/"), true);
    assert_eq!(send(&c, &message(), "msg_1", NOW).outcome, Outcome::Taken);
    let asked = serving.join().unwrap();
    let line = "PUT /_matrix/client/v3/rooms/%21a%3Ab.c/send/m.room.message/msg_1 HTTP/1.1";
    assert!(asked.starts_with(line), "{asked}");
    assert!(asked.contains("authorization: Bearer whsec_"), "{asked}");
}

#[test]
fn nothing_inside_is_reached_whatever_it_is_called() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "0.0.0.0",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
    ] {
        for scheme in ["http", "https"] {
            let c = channel(Sink::Slack, &format!("{scheme}://{host}:{port}/"), false);
            let given = send(&c, &message(), "msg_1", NOW);
            assert_eq!(given.outcome, Outcome::Later(None));
            // Where this system cannot read a spelling at all, nothing is reached either.
            let refused = given.words.contains("private network");
            let unknown = given.words.contains("connection failed") && host.contains(['x', ':']);
            assert!(refused || unknown, "{host}: {given:?}");
        }
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
}

/// Gives one address after another, as a hostile name server does.
#[derive(Clone, Debug)]
struct Rebinding {
    addresses: Vec<&'static str>,
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Resolver for Rebinding {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let mut out = self.empty();
        for ip in self.addresses[n.min(self.addresses.len() - 1)].split(' ') {
            match ip {
                "" => return Err(ureq::Error::HostNotFound),
                ip => out.push(SocketAddr::new(ip.parse().unwrap(), self.port)),
            }
        }
        Ok(out)
    }
}

#[test]
fn a_name_is_looked_up_once_and_what_it_said_then_is_what_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let try_it = |addresses: Vec<&'static str>, private: bool| {
        let resolver = Rebinding {
            addresses,
            port,
            asked: Arc::default(),
        };
        let asked = Arc::clone(&resolver.asked);
        let c = channel(Sink::Slack, "http://hooks.example/x", private);
        let given = send_by(resolver, &c, &message(), "msg_1", NOW);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{given:?}");
        given.words
    };
    // Fails first: there is no second look that could say something else.
    let words = try_it(vec!["", "169.254.169.254"], false);
    assert!(words.contains("not known here"), "{words}");
    // One address inside among others outside.
    let words = try_it(vec!["8.8.8.8 127.0.0.1"], false);
    assert!(words.contains("private network"), "{words}");
    let words = try_it(vec!["127.0.0.1", "8.8.8.8"], false);
    assert!(words.contains("private network"), "{words}");
    // What was opened is no way to what a cloud tells its machines.
    let words = try_it(vec!["169.254.169.254", "127.0.0.1"], true);
    assert!(words.contains("private network"), "{words}");
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn no_proxy_of_the_environment_has_a_say() {
    // The library takes one from the environment where it is not refused.
    let agent = super::client::agent(DefaultResolver::default());
    assert!(agent.config().proxy().is_none());
    assert_eq!(agent.config().max_redirects(), 0);
}

/// A mail server that speaks as little SMTP as it takes; gives the mail that it took.
fn mail_server() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut said = String::new();
        reader.get_mut().write_all(b"220 here\r\n").unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 || line.starts_with("QUIT") {
                return said;
            }
            said.push_str(&line);
            let answer: &[u8] = match line.trim_end() {
                "DATA" => b"354 go on\r\n",
                "." => b"250 taken\r\n",
                l if l.starts_with("EHLO") => b"250 here\r\n",
                l if l.starts_with("MAIL") || l.starts_with("RCPT") => b"250 ok\r\n",
                _ => continue,
            };
            reader.get_mut().write_all(answer).unwrap();
        }
    });
    (place, serving)
}

fn mail_channel(place: &str, private: bool) -> Channel {
    Channel {
        room: "ada@lexis.example,bob@lexis.example".into(),
        secret: Secret::default(),
        ..channel(Sink::Email, &format!("smtp://{place}"), private)
    }
}

#[test]
fn mail_is_sent_under_its_identity_and_answers_what_was_said_before() {
    let (place, serving) = mail_server();
    let hostile = Message {
        project: "lexis\r\nBcc: everybody@example.org".into(),
        ..message()
    };
    let given = send(&mail_channel(&place, true), &hostile, "msg_1_back", NOW);
    assert_eq!(given.outcome, Outcome::Taken, "{given:?}");
    let got = serving.join().unwrap();
    for line in [
        "MAIL FROM:<uptick@lexis.example>",
        "RCPT TO:<ada@lexis.example>",
        "RCPT TO:<bob@lexis.example>",
        "Message-ID: <msg_1_back@lexis.example>",
        "In-Reply-To: <msg_1@lexis.example>",
        "Auto-Submitted: auto-generated",
        "Alerts of this project will come here.",
    ] {
        assert!(got.contains(line), "{line} in {got}");
    }
    assert!(!got.contains("\nBcc"), "{got}");
}

/// It says one letter of its greeting after the other: no single read of it takes long.
#[test]
fn a_mail_server_that_never_comes_to_an_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let serving = std::thread::spawn(move || {
        let mut streams: Vec<_> = listener
            .incoming()
            .take(super::mail::MOST)
            .map(Result::unwrap)
            .collect();
        let a_moment = std::time::Duration::from_millis(20);
        while stopped.recv_timeout(a_moment).is_err() {
            for stream in &mut streams {
                stream.write_all(b"2").unwrap();
            }
        }
    });
    let whole = std::time::Duration::from_millis(200);
    let channel = mail_channel(&place, true);
    let send = || super::mail::send_within(whole, &channel, &message(), "msg_1");
    for _ in 0..super::mail::MOST {
        let given = send();
        assert_eq!(given.outcome, Outcome::Later(None));
        assert_eq!(given.words, "it did not answer in time");
    }
    // Nor do its sessions pile up.
    let begin = std::time::Instant::now();
    let given = send();
    assert_eq!(given.outcome, Outcome::Later(None));
    assert!(given.words.contains("earlier"), "{}", given.words);
    assert!(begin.elapsed() < whole);
    // It was still speaking.
    stop.send(()).unwrap();
    serving.join().unwrap();
}

#[test]
fn mail_goes_nowhere_inside_and_nowhere_unencrypted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let given = send(&mail_channel(&place, false), &message(), "msg_1", NOW);
    assert!(given.words.contains("private network"), "{given:?}");
    assert!(listener.accept().is_err(), "somebody connected");
    assert!(super::check_mailboxes("a@b.c", &["no address".into()]).is_err());
    assert!(super::check_mailboxes("a@b.c", &["a@b.c,d@e.f".into()]).is_err());
    assert!(super::check_mailboxes("a@b.c", &["d@e.f".into()]).is_ok());
}
