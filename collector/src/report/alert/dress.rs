//! What each sink makes of the words: its escapes, its limits, and no mention of anybody.

use serde_json::{Value, json};

use crate::report::alert::words::{Piece, Said};
use crate::report::escape::apart;

/// Characters of a message that Discord takes.
const DISCORD: usize = 2_000;
/// Characters of a section of Slack's.
const SLACK: usize = 3_000;
/// Characters of a post of Mattermost's.
const MATTERMOST: usize = 16_383;
/// Characters that fit into the 28 KB of a card for Teams, whatever they are.
const TEAMS: usize = 6_000;
/// Characters of a plain text: far below Matrix's 64 KiB.
const PLAIN: usize = 8_000;
/// Parts a sign from what would give it a meaning.
const APART: char = '\u{200b}';

/// How a sink shows the parts of a line, and how much it takes.
struct Style {
    name: fn(&str) -> String,
    theirs: fn(&str) -> String,
    ours: fn(&str) -> String,
    /// UTF-16 units, of which there are at least as many as characters.
    limit: usize,
}

impl Style {
    fn line(&self, pieces: &[Piece]) -> String {
        let show = |p: &Piece| match p {
            Piece::Ours(t) => (self.ours)(t),
            Piece::Name(t) => (self.name)(t),
            Piece::Theirs(t) => (self.theirs)(t),
        };
        pieces.iter().map(show).collect()
    }

    /// The lines below the title, as many of the details as fit behind what is above them.
    fn below(&self, said: &Said, above: &str, bullet: &str) -> String {
        let mut lines: Vec<String> = said.lines.iter().map(|l| self.line(l)).collect();
        if !said.link.is_empty() {
            lines.push(said.link.clone());
        }
        let mut length = units(above) + lines.iter().map(|l| units(l) + 1).sum::<usize>();
        // The line that counts the others has room too.
        let most = self.limit.saturating_sub(40);
        let mut listed = 0;
        for detail in &said.details {
            let line = format!("{bullet}{}", self.line(detail));
            length += units(&line) + 1;
            if length > most {
                break;
            }
            lines.push(line);
            listed += 1;
        }
        if said.total > listed {
            lines.push((self.ours)(&format!("… and {} more", said.total - listed)));
        }
        lines.join("\n")
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A message in one line of plain text, where nothing is marked up.
#[must_use]
pub fn title(said: &Said) -> String {
    STYLE_PLAIN.line(&said.title)
}

const STYLE_PLAIN: Style = Style {
    name: apart,
    theirs: apart,
    ours: str::to_owned,
    limit: PLAIN,
};

/// A message as plain text, where nothing is marked up and nobody is mentioned.
#[must_use]
pub fn plain(said: &Said) -> String {
    let head = title(said);
    let below = STYLE_PLAIN.below(said, &head, "  ");
    format!("{head}\n{below}")
}

/// The body of Slack's incoming webhook: a line for the notification, a section for the channel.
#[must_use]
pub fn slack(said: &Said) -> Value {
    // Slack reads `&`, `<` and `>` alone; links are off, so that a subject leads nowhere.
    fn escaped(text: &str) -> String {
        let text = text.replace('&', "&amp;");
        text.replace('<', "&lt;").replace('>', "&gt;")
    }
    let style = Style {
        name: |t| escaped(&code(t)),
        theirs: |t| escaped(&quiet(&apart(t))),
        ours: escaped,
        limit: SLACK,
    };
    let head = format!("*{}*", style.line(&said.title));
    let below = style.below(said, &head, "• ");
    json!({
        "text": escaped(&title(said)),
        "unfurl_links": false,
        "blocks": [{
            "type": "section",
            "text": { "type": "mrkdwn", "text": format!("{head}\n{below}"), "verbatim": true },
        }],
    })
}

/// Parts the marks of emphasis from the words around them, where no backslash helps.
fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        out.push(c);
        if matches!(c, '*' | '_' | '~' | '`' | ':') {
            out.push(APART);
        }
    }
    out
}

/// A text of others in Markdown that is not HTML: signs get a backslash, mentions and links are
/// taken apart.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in apart(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '>' => {
                out.push('\\');
                out.push(c);
            }
            // `:tada:` is a picture.
            ':' => out.extend([':', APART]),
            // `<!channel>` and `<@1>` are mentions.
            '<' => out.extend(['<', APART]),
            c => out.push(c),
        }
    }
    out
}

fn code(text: &str) -> String {
    // In a code span nothing is read; Mattermost looks for mentions there all the same.
    format!("`{}`", apart(&text.replace('`', "'")))
}

/// The body of Discord's webhook.
#[must_use]
pub fn discord(said: &Said) -> Value {
    let text = bold(said, DISCORD);
    // No name in it is a mention; 4 suppresses the preview of the link.
    json!({ "content": text, "allowed_mentions": { "parse": [] }, "flags": 4 })
}

/// The body of Mattermost's incoming webhook.
#[must_use]
pub fn mattermost(said: &Said) -> Value {
    json!({ "text": bold(said, MATTERMOST) })
}

fn bold(said: &Said, limit: usize) -> String {
    let style = Style {
        // Mattermost makes mentions of `<!channel>` before it reads Markdown.
        name: |t| code(t).replace('<', "<\u{200b}"),
        theirs: markdown,
        ours: str::to_owned,
        limit,
    };
    let head = format!("**{}**", style.line(&said.title));
    let below = style.below(said, &head, "• ");
    format!("{head}\n{below}")
}

/// The body of a workflow of Teams: an Adaptive Card, one block a line.
#[must_use]
pub fn teams(said: &Said) -> Value {
    let style = Style {
        name: markdown,
        theirs: markdown,
        ours: str::to_owned,
        limit: TEAMS,
    };
    let head = style.line(&said.title);
    let words = Said {
        link: String::new(),
        ..said.clone()
    };
    let below = style.below(&words, &head, "");
    let block = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut body = vec![json!({
        "type": "TextBlock", "text": head, "wrap": true, "weight": "Bolder", "size": "Medium",
    })];
    body.extend(below.lines().map(block));
    let mut card = json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
    });
    if !said.link.is_empty() {
        card["actions"] =
            json!([{ "type": "Action.OpenUrl", "title": "Read on", "url": said.link }]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": card,
        }],
    })
}
