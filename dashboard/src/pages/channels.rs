//! Who hears of regressions, and what became of each message. No address and no secret is shown.
//!
//! Sending moves no counter of the store's, so that these pages are made anew each time.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::model::Channel;
use collector::notify;
use collector::store::{Delivery, News, Progress, Store};
use maud::{Markup, html};

use crate::app::App;
use crate::clock;
use crate::deliver;
use crate::error::Fail;
use crate::pages::answer::{HTML, JSON};
use crate::pages::layout;
use crate::query::decode;
use crate::reader::Reader;
use crate::text;

/// Messages that are listed.
const NEWEST: usize = 100;

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let (channels, deliveries) = app
        .read(|store, _| Ok((store.channels()?, store.deliveries(NEWEST)?)))
        .await?;
    let may = reader.may_do_everything(app.options.read_only);
    let body = html! {
        section .head {
            h1 { "Channels" }
            p .muted { "Who hears of regressions, once a commit. They are made on the machine that serves: "
                code { "uptick help alerts" } " says how." }
            (layout::forms(&[("JSON", "/channels.json".into())]))
        }
        @if channels.is_empty() { (nobody()) } @else {
            @if app.options.public_url.is_none() { (unlinked(&app)) }
            (table(&channels, may)) (log(&deliveries))
        }
    };
    let html = [(header::CONTENT_TYPE, HTML)];
    Ok((html, layout::passing(&app, Some(&reader), "Channels", body)).into_response())
}

pub(crate) async fn json(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let document = app
        .read(|store, _| Ok(notify::document(store, false)?))
        .await?;
    let kind = [(header::CONTENT_TYPE, JSON)];
    Ok((kind, format!("{document}\n")).into_response())
}

/// Sends a test message now, and leads back to the page, which says what came of it.
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let text = String::from_utf8_lossy(&form).into_owned();
    let name = text.split('&').find_map(|p| p.strip_prefix("name="));
    let name = decode(&name.unwrap_or("").replace('+', " "));
    let Ok(_turn) = app.trials.try_acquire() else {
        return Err(Fail::busy());
    };
    let origin = deliver::origin(&app);
    let parcel = app
        .write(move |store| Ok(notify::trial(store, &name, clock::seconds(), &origin)?))
        .await?;
    deliver::send_once(&app, parcel).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/channels")]).into_response())
}

/// Where links in messages lead, where nobody said which address people reach.
fn unlinked(app: &App) -> Markup {
    html! {
        p .warning role="status" {
            "Links in messages lead to " code { (deliver::origin(app).url) } ", where this server listens: "
            code { "uptick serve --public-url URL" } " names the address that people reach."
        }
    }
}

/// Which channels hear of nothing, for the pages where people look first.
pub(crate) fn disabled(store: &Store) -> Result<Markup, Fail> {
    let all = store.channels()?;
    Ok(html! {
        @for (c, since) in all.iter().filter_map(|c| Some((c, c.disabled?))) {
            p .warning role="status" {
                "Channel " b { (text::cut(&c.name, 40)) } " is disabled since " (text::moment(since))
                " and hears of nothing: " (text::cut(&c.why, 120)) ". "
                a href="/channels" { "Channels" }
            }
        }
    })
}

fn nobody() -> Markup {
    let why = html! { "Regressions are shown on " a href="/" { "Today" } ", and sent to nobody." };
    let command = "uptick channel add NAME --kind slack --url-file FILE";
    layout::empty("There is no channel yet", why, &[("add one", command)])
}

fn table(all: &[Channel], may: bool) -> Markup {
    html! {
        div .scroll { table .rows {
            thead { tr {
                th scope="col" { "Channel" } th scope="col" { "Kind" } th scope="col" { "Hears of" }
                th scope="col" { "State" }
                @if may { th scope="col" { span .hidden { "Test" } } }
            } }
            tbody { @for c in all { (row(c, may)) } }
        } }
    }
}

fn row(c: &Channel, may: bool) -> Markup {
    let hears = if c.improvements {
        "regressions and improvements"
    } else {
        "regressions"
    };
    html! {
        tr {
            th scope="row" { (text::cut(&c.name, 40)) }
            td { (c.sink.name()) }
            td { (hears) }
            td {
                @match c.disabled {
                    None => { span .state { "in use" } }
                    Some(at) => { span .state.new { "disabled" } " " (text::time(at)) " " (text::cut(&c.why, 120)) }
                }
            }
            @if may { td {
                form method="post" action="/channels/test" {
                    input type="hidden" name="name" value=(c.name);
                    button .small type="submit" { "Send a test message" }
                }
            } }
        }
    }
}

fn log(all: &[Delivery]) -> Markup {
    html! {
        section {
            h2 { "Messages" }
            @if all.is_empty() { p .muted { "Nothing was sent yet." } }
            @else {
                p .muted { "The newest " (NEWEST) ". One that is not taken is sent again, nine more times in three \
                    days, under the same identity." }
                div .scroll { table .rows {
                    thead { tr {
                        th scope="col" { "Made" } th scope="col" { "Channel" } th scope="col" { "About" }
                        th scope="col" .num { "Tries" } th scope="col" { "State" } th scope="col" { "Next try" }
                        th scope="col" { "Answer" }
                    } }
                    tbody { @for d in all { (message(d)) } }
                } }
            }
        }
    }
}

fn message(d: &Delivery) -> Markup {
    let changes = text::plural(d.changes as usize, "change");
    let about = match d.news {
        News::Moved => changes,
        News::Narrowed => format!("{changes}, narrowed to one commit"),
        News::Recovered => format!("{changes} that went back"),
        News::Disabled => "a channel that was disabled".into(),
        News::Missed => format!("{changes} that were missed"),
        News::Test => "a test".into(),
    };
    let (word, class) = match d.state {
        Progress::Waiting => ("waiting", "acknowledged"),
        Progress::Delivered => ("delivered", "accepted"),
        Progress::Failed => ("given up", "new"),
        Progress::Missed => ("missed", "new"),
        Progress::Dropped => ("not sent", "noise"),
    };
    html! {
        tr title=(d.id) {
            td { (text::moment(d.created)) }
            td { (text::cut(&d.channel, 40)) }
            td { (about) }
            td .num { (d.tries) }
            td { span .state.(class) { (word) } }
            td { @if let Some(due) = d.due { (text::moment(due)) } }
            td { (text::cut_or_empty(&d.answer, 160)) }
        }
    }
}
