//! `uptick doctor --server`: whether this machine can work for a server, and what it may do there.

use collector::format::{name, plural, sentence};
use collector::jobs::about::{About, Shown};
use collector::jobs::wire::Lease;
use collector::measure::host::{Finding, State};
use collector::remote::{Answer, Server};

use crate::args::Doctor;
use crate::{context, project, token};

/// Seconds that two clocks may differ without anybody noticing.
const CLOSE: i64 = 5;
/// A token that ends within this time is worth a word, in seconds.
const SOON: i64 = 14 * 86_400;

pub(crate) fn findings(a: &Doctor, address: &str) -> anyhow::Result<Vec<Finding>> {
    let token = token::given(a.token_file.as_deref(), "collect")?;
    let server = Server::at(address, &token)?;
    let began = context::now() * 1000;
    let mut labels = a.label.clone();
    if labels.is_empty() {
        labels.push(project::LABEL.into());
    }
    let mut found = Vec::new();
    if server.is_in_the_clear() {
        let detail = "http:// to another machine: the token and all reports can be read on the way";
        let mend = Some("an address with https://");
        found.push(Finding::new("way", State::Weak, detail, mend));
    }
    match server.about() {
        Ok(Answer::Yes(about)) => {
            let middle = i64::midpoint(began, context::now() * 1000);
            found.extend(all(&about, &labels, middle));
        }
        Ok(Answer::Away(why, _)) => found.push(unreached(&why)),
        Ok(Answer::Refused(why)) => found.push(older(&why)),
        Ok(Answer::Lost(_)) => found.push(unreached("it answered 409, which is no answer to this")),
        // Whoever refuses the token was reached.
        Err(e) => found.push(refused(&e.to_string())),
    }
    Ok(found)
}

fn unreached(why: &str) -> Finding {
    let mend =
        "the address as a browser here reaches it; a proxy is the environment's (https_proxy)";
    Finding::new("server", State::Missing, sentence(why, 300), Some(mend))
}

fn older(why: &str) -> Finding {
    let mend =
        "that address as `uptick collect --server` has it; else update uptick on that machine";
    Finding::new("server", State::Missing, sentence(why, 300), Some(mend))
}

fn refused(why: &str) -> Finding {
    let mend = "uptick token create NAME --scope collect --data DIR, on the machine that serves";
    Finding::new("token", State::Missing, sentence(why, 300), Some(mend))
}

/// What can be said of a server that answered.
fn all(about: &About, labels: &[String], here: i64) -> Vec<Finding> {
    vec![
        ready(about),
        token(&about.token, labels),
        versions(about),
        clocks(about.now, here),
        work(about, labels),
        Finding::new(
            "webhooks",
            State::Good,
            "not asked: whether a forge reaches the server's /hooks/NAME cannot be seen from here; its \
             page of the webhook shows what was answered",
            None,
        ),
    ]
}

fn ready(about: &About) -> Finding {
    match &about.unready {
        None => Finding::new("server", State::Good, "it answers and takes reports", None),
        Some(why) => Finding::new(
            "server",
            State::Weak,
            format!("it takes nothing now: {}", sentence(why, 300)),
            None,
        ),
    }
}

fn token(token: &Shown, labels: &[String]) -> Finding {
    let bound = match token.labels.is_empty() {
        true => String::new(),
        false => format!(", for {} alone", token.labels.join(", ")),
    };
    let ends = match token.expires {
        None => String::new(),
        Some(at) => format!(", ends in {}", plural(days(at), "day")),
    };
    let detail = format!(
        "`{}` of scope {}{bound}{ends}",
        name(&token.name, 60),
        token.scope
    );
    let another = "uptick token create NAME --scope collect --data DIR, on the machine that serves";
    let beyond = |l: &&String| !token.labels.is_empty() && !token.labels.contains(l);
    if !matches!(token.scope.as_str(), "collect" | "admin") {
        let detail = format!("{detail}: it takes no jobs");
        return Finding::new("token", State::Missing, detail, Some(another));
    }
    if let Some(label) = labels.iter().find(beyond) {
        let detail = format!("{detail}: it takes no jobs of label {label}");
        return Finding::new("token", State::Missing, detail, Some(another));
    }
    let soon = token.expires.is_some_and(|at| at - context::now() < SOON);
    match soon {
        true => Finding::new("token", State::Weak, detail, Some(another)),
        false => Finding::new("token", State::Good, detail, None),
    }
}

fn days(at: i64) -> usize {
    usize::try_from((at - context::now()).max(0) / 86_400).unwrap_or(usize::MAX)
}

fn versions(about: &About) -> Finding {
    let (here, there) = (env!("CARGO_PKG_VERSION"), about.version.as_str());
    if about.lease != Lease::SCHEMA {
        let detail = format!(
            "uptick {here} here, {there} there: it gives {}, and {} is what is understood here",
            about.lease,
            Lease::SCHEMA
        );
        return Finding::new(
            "versions",
            State::Missing,
            detail,
            Some("the older of the two, updated"),
        );
    }
    let detail = match here == there {
        true => format!("uptick {here} on both"),
        false => format!("uptick {here} here, {there} there: they understand each other"),
    };
    Finding::new("versions", State::Good, detail, None)
}

fn clocks(there: i64, here: i64) -> Finding {
    let off = (there - here) / 1000;
    let detail = match off {
        0 => "as the server's".to_string(),
        ahead @ 1.. => format!(
            "{} behind the server's",
            plural(ahead.unsigned_abs() as usize, "second")
        ),
        behind => format!(
            "{} ahead of the server's",
            plural(behind.unsigned_abs() as usize, "second")
        ),
    };
    if off.abs() <= CLOSE {
        return Finding::new("clock", State::Good, detail, None);
    }
    let detail = format!("{detail}: reports are dated by it; leases go by the server's alone");
    let mend = "a time service on both (timedatectl set-ntp true)";
    Finding::new("clock", State::Weak, detail, Some(mend))
}

fn work(about: &About, labels: &[String]) -> Finding {
    let mine = about.waits.iter().filter(|w| labels.contains(&w.label));
    let words: Vec<String> = mine
        .map(|w| {
            let jobs = plural(usize::try_from(w.waiting).unwrap_or(usize::MAX), "job");
            let pulls = match w.pulls {
                true => " of pull requests (--untrusted)",
                false => "",
            };
            format!("{jobs}{pulls} for {}", w.label)
        })
        .collect();
    let detail = match words.is_empty() {
        true => format!("none waits for {}", labels.join(", ")),
        false => words.join(", "),
    };
    Finding::new("work", State::Good, detail, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            schema: About::SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            lease: Lease::SCHEMA.into(),
            now: 0,
            unready: None,
            token: Shown {
                name: "one".into(),
                scope: "collect".into(),
                expires: None,
                labels: vec!["arm".into()],
            },
            waits: Vec::new(),
        }
    }

    #[test]
    fn a_clock_that_is_far_off_is_said_and_stops_nobody() {
        assert_eq!(clocks(4_000, 0).state, State::Good);
        let behind = clocks(60_000, 0);
        assert_eq!(behind.state, State::Weak);
        assert!(
            behind.detail.contains("60 seconds behind"),
            "{}",
            behind.detail
        );
        assert!(clocks(0, 3_600_000).detail.contains("ahead"));
    }

    #[test]
    fn a_token_is_held_against_the_labels_that_are_meant() {
        let of = |label: &str| token(&about().token, &[label.into()]).state;
        assert_eq!(of("arm"), State::Good);
        assert_eq!(of("bare"), State::Missing);
        let reads = Shown {
            scope: "read".into(),
            ..about().token
        };
        assert_eq!(token(&reads, &["arm".into()]).state, State::Missing);
    }

    #[test]
    fn a_server_of_another_language_is_no_server_for_this_collector() {
        assert_eq!(versions(&about()).state, State::Good);
        let newer = About {
            version: "9.0.0".into(),
            ..about()
        };
        assert_eq!(versions(&newer).state, State::Good);
        let other = About {
            lease: "uptick.lease/2".into(),
            ..newer
        };
        assert_eq!(versions(&other).state, State::Missing);
    }
}
