//! E-mail by SMTP, encrypted unless the server's place was opened at the command line.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::SmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Transport as _, transport::smtp};

use crate::error::{Error, Result};
use crate::model::Channel;
use crate::remote::channel::answer::{Answer, Outcome};
use crate::remote::channel::reach::{look_up, place};
use crate::remote::http::bundle;
use crate::report::alert::{Message, plain, said, title};

/// What sending may take in all.
const WHOLE: Duration = Duration::from_secs(20);

const TOO_LATE: &str = "it did not answer in time";
/// Sessions with one server at once: what several channels send and people try, and some that hang.
pub(super) const MOST: usize = 8;
/// The servers that there is a session with, each as often as there is one.
static SESSIONS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps holiday notices and other machines from answering (RFC 3834).
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// Whether these can be a sender and recipients.
///
/// # Errors
/// [`Error::Usage`] that names the one which cannot.
pub fn check_mailboxes(from: &str, to: &[String]) -> Result<()> {
    for address in to.iter().map(String::as_str).chain([from]) {
        mailbox(address)?;
    }
    Ok(())
}

fn mailbox(address: &str) -> Result<Mailbox> {
    let wrong = || Error::Usage(format!("`{address}` is no e-mail address"));
    if address.contains(',') {
        return Err(wrong());
    }
    address.trim().parse().map_err(|_| wrong())
}

/// Sends a message once, or gives up when its time is over.
pub(super) fn send(channel: &Channel, m: &Message, id: &str) -> Answer {
    send_within(WHOLE, channel, m, id)
}

/// One session with a mail server, while its thread lives.
struct Session(String);

impl Session {
    /// Begins one; `None` where too many with that server came to no end yet.
    fn begin(address: &str) -> Option<Self> {
        let mut all = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().filter(|a| *a == address).count() >= MOST {
            return None;
        }
        all.push(address.to_owned());
        Some(Self(address.to_owned()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut all = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|a| *a == self.0) {
            all.swap_remove(at);
        }
    }
}

/// The library bounds each read and write, and a server that answers a letter at a time never ends:
/// what it still does after the whole time is not waited for, and of such sessions there are a few at
/// most. Had it taken the message by then, the next try has the same identity.
pub(super) fn send_within(whole: Duration, channel: &Channel, m: &Message, id: &str) -> Answer {
    let Some(session) = Session::begin(channel.address.expose()) else {
        return Answer::unsent("earlier messages are still on their way to it".into());
    };
    let (ended, end) = mpsc::sync_channel(1);
    let (channel, m, id) = (channel.clone(), m.clone(), id.to_owned());
    let sending = std::thread::Builder::new().name("mail".into());
    let sending = sending.spawn(move || {
        let _session = session;
        // Nobody waits any more where this fails.
        let _ = ended.send(send_now(&channel, &m, &id));
    });
    match sending.map(|_| end.recv_timeout(whole)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::unsent(TOO_LATE.into()),
        Err(e) => Answer::unsent(format!("no thread could be started: {e}")),
    }
}

fn send_now(channel: &Channel, m: &Message, id: &str) -> Answer {
    let sending = mail(channel, m, id)
        .map_err(|e| e.to_string())
        .and_then(|mail| Ok((mail, server(channel)?)));
    match sending {
        Err(why) => Answer::unsent(why),
        Ok((mail, server)) => match server.send(&mail) {
            Ok(taken) => Answer {
                outcome: Outcome::Taken,
                words: format!("SMTP {}", taken.code()),
                said: String::new(),
            },
            Err(e) => Answer::unsent(why(&e)),
        },
    }
}

/// Why it was not taken, without addresses.
fn why(e: &smtp::Error) -> String {
    match e.status() {
        Some(code) => format!("SMTP {code}: the mail server does not take it"),
        None if e.is_timeout() => TOO_LATE.into(),
        None if e.is_tls() => {
            "TLS failed; SSL_CERT_FILE and the system's bundle say whom to trust".into()
        }
        None if e.is_client() => "it offers no encryption, or no way to log in".into(),
        None => "the connection failed".into(),
    }
}

/// The message, of which each try has the same identity; what went back is an answer to what was
/// said before.
fn mail(channel: &Channel, m: &Message, id: &str) -> Result<Mail> {
    let words = said(m);
    let from = mailbox(&channel.sender)?;
    let domain = from.email.domain().to_string();
    let name = |id: &str| format!("<{id}@{domain}>");
    let mut builder = Mail::builder().from(from).message_id(Some(name(id)));
    for to in channel.room.split(',') {
        builder = builder.to(mailbox(to)?);
    }
    // `msg_…_back` and `msg_…_one` speak of `msg_…`.
    if let Some((first, _)) = id.rsplit_once('_').filter(|(first, _)| first.contains('_')) {
        builder = builder.in_reply_to(name(first)).references(name(first));
    }
    builder
        .subject(title(&words))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(plain(&words))
        .map_err(|e| Error::Usage(format!("the e-mail cannot be written: {e}")))
}

fn server(channel: &Channel) -> Result<SmtpTransport, String> {
    let address = channel.address.expose();
    let place = place(address).unwrap_or_default();
    let (host, port) = place.rsplit_once(':').unwrap_or((&place, ""));
    let port = port.parse().unwrap_or(587);
    let ip = look_up(host, port, channel.private)?;
    let tls = tls(host)?;
    let tls = match address.starts_with("smtps://") {
        true => Tls::Wrapper(tls),
        // A relay on this machine often has no certificate.
        false if channel.private => Tls::Opportunistic(tls),
        false => Tls::Required(tls),
    };
    // The sender may have a name before the address.
    let sender = mailbox(&channel.sender).map_err(|e| e.to_string())?.email;
    let mut builder = SmtpTransport::builder_dangerous(ip.to_string())
        .port(port)
        .tls(tls)
        .hello_name(ClientId::Domain(sender.domain().into()))
        .timeout(Some(WHOLE));
    if !channel.secret.is_empty() {
        let password = channel.secret.expose().to_string();
        builder = builder.credentials(Credentials::new(sender.to_string(), password));
    }
    Ok(builder.build())
}

/// The name counts for the certificate, though the connection goes to an address.
fn tls(host: &str) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_string());
    let trusted = bundle(None::<&Path>).and_then(|pem| Certificate::from_pem(&pem).ok());
    if let Some(trusted) = trusted {
        builder = builder.add_root_certificate(trusted);
    }
    builder
        .build()
        .map_err(|_| "TLS cannot be set up for its name".into())
}
