//! What every page has around it, and the pieces that several pages share.

use collector::config::Config;
use collector::format::thousands;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::app::{App, Role};
use crate::base;
use crate::cache::{Page, Policy};
use crate::query::encode;
use crate::reader::{self, Reader};
use crate::{deliver, stamp, text};

use crate::pages::answer::HTML;
use crate::pages::assets;

/// Which entry of the navigation is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Today,
    Health,
    Commits,
    Compare,
    Projects,
    Queue,
    Pulls,
    Collectors,
    None,
}

/// A page of ours.
pub(crate) fn page(app: &App, nav: Nav, title: &str, body: Markup) -> Page {
    Page::new(
        HTML,
        Policy::Page,
        frame(app, nav, title, body).into_string().into_bytes(),
    )
}

/// A document that is given at once and not kept, to a reader where it is known who that is.
pub(crate) fn passing(app: &App, reader: Option<&Reader>, title: &str, body: Markup) -> Vec<u8> {
    current(app, (reader, Nav::None), title, body)
}

/// A page that is made for each request, because what is on it is older the moment after.
pub(crate) fn current(
    app: &App,
    (reader, nav): (Option<&Reader>, Nav),
    title: &str,
    body: Markup,
) -> Vec<u8> {
    let made = frame(app, nav, title, body).into_string().into_bytes();
    let signed = reader.and_then(|r| reader::fill(&made, r, app.options.read_only));
    let made = signed.unwrap_or(made);
    let made = stamp::fill(&made, app.now_at()).unwrap_or(made);
    base::rewrite(&made, app.base())
}

/// The whole document.
fn frame(app: &App, nav: Nav, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(app, title)) }
            body data-at=(stamp::GAP) data-base=[(!app.base().is_empty()).then(|| app.base())] {
                a .skip href="#main" { "Skip to content" }
                header .top { (top(app, nav)) }
                main #main tabindex="-1" {
                    @if let Some(behind) = app.behind() {
                        p .note.warn role="status" { (behind.words()) }
                    }
                    (body)
                }
                footer { (foot(app)) }
            }
        }
    }
}

fn head(app: &App, title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (text::cut(title, 90)) " · uptick" }
        link rel="stylesheet" href=(assets::css_url());
        link rel="icon" href=(assets::icon_url()) type="image/svg+xml";
        @if !matches!(app.role, Role::Server) {
            link rel="alternate" type="application/atom+xml" title="Changes" href="/changes.atom";
        }
        script src=(assets::js_url()) defer {}
    }
}

fn top(app: &App, nav: Nav) -> Markup {
    let entry = |this: Nav, href: &str, word: &str| {
        html! { a href=(href) aria-current=[(nav == this).then_some("page")] { (word) } }
    };
    html! {
        a .brand href="/" { (logo()) span { (text::cut(&app.options.name, 40)) } }
        nav aria-label="Pages" {
            @if matches!(app.role, Role::Server) {
                (entry(Nav::Projects, "/projects", "Projects"))
                (entry(Nav::Health, "/health", "Health"))
                (entry(Nav::Queue, "/queue", "Queue"))
                @if app.has_pulls() || nav == Nav::Pulls { (entry(Nav::Pulls, "/pulls", "Pulls")) }
                (entry(Nav::Collectors, "/collectors", "Collectors"))
            } @else {
                (entry(Nav::Today, "/", "Today"))
                (entry(Nav::Health, "/health", "Health"))
                (entry(Nav::Commits, "/commits", "Commits"))
                (entry(Nav::Compare, "/compare", "Compare"))
            }
            @if matches!(app.role, Role::Project { .. }) {
                @if app.has_pulls() {
                    a href={ "/pulls?project=" (encode(&app.options.name)) } { "Pulls" }
                }
                a href="/projects" { "All projects" }
            }
        }
        @if !matches!(app.role, Role::Server) {
            form .find action="/search" role="search" {
                label .hidden for="find" { "Search" }
                input #find name="q" placeholder="Search" autocomplete="off" spellcheck="false"
                    list="suggested" maxlength="512";
                datalist #suggested {}
            }
        }
        (PreEscaped(reader::GAP))
    }
}

fn foot(app: &App) -> Markup {
    html! {
        p {
            "uptick " (env!("CARGO_PKG_VERSION")) " · all times UTC · "
            @if !matches!(app.role, Role::Server) {
                a href="/changes" { "All changes" } " · "
                a href="/log" { "Decisions" } " · "
                a href="/channels" { "Channels" } " · "
                @if app.objects().is_some() { a href="/profiles" { "Profiles" } " · " }
                a href="/changes.atom" { "Atom" } " · "
            }
            a href="/api/v1/openapi.json" { "API" }
            " · " a href="/help" { "Help and keys" }
            " · " a href="/login" { "Account" }
        }
        // Paper has no address line.
        p .paper {
            (text::cut(&app.options.name, 40)) " · " (deliver::origin(app).url)
            " · as of " (text::date(text::now()))
        }
        output #live aria-live="polite" {}
    }
}

fn logo() -> Markup {
    PreEscaped(LOGO.to_string())
}

const LOGO: &str = "<svg class=\"logo\" viewBox=\"0 0 24 24\" width=\"22\" height=\"22\" aria-hidden=\"true\">\
    <path d=\"M2 16h7v-5h6V5h7\"/><path class=\"tick\" d=\"m18 9 4-4-4-4\"/></svg>";

/// A command to copy.
pub(crate) fn command(text: &str) -> Markup {
    html! {
        span .command {
            code { (text::cut(text, 400)) }
            button .copy type="button" hidden data-copy=(text::cut(text, 2000)) { "Copy" }
        }
    }
}

/// Why there is nothing, and what to do.
pub(crate) fn empty(title: &str, why: Markup, commands: &[(&str, &str)]) -> Markup {
    html! {
        section .empty {
            h2 { (title) }
            p { (why) }
            @if !commands.is_empty() {
                dl { @for (what, line) in commands { dt { (what) } dd { (command(line)) } } }
            }
        }
    }
}

/// Links to the same thing in other forms; on paper, the page's own address in their place.
pub(crate) fn forms(links: &[(&str, String)]) -> Markup {
    let page = links.first().map(|(_, href)| address(href));
    html! {
        p .forms data-page=(page.unwrap_or_default()) {
            @for (i, (word, href)) in links.iter().enumerate() {
                @if i > 0 { " " }
                a href=(href) { (word) }
            }
        }
    }
}

/// The address of a page that has no other forms, for paper alone.
pub(crate) fn on_paper(path: &str) -> Markup {
    html! { p .forms.paper data-page=(path) {} }
}

/// The address of a page from that of one of its other forms.
fn address(form: &str) -> String {
    let (path, query) = form.split_at(form.find('?').unwrap_or(form.len()));
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    // A server's own pages have theirs in its API.
    let stem = match stem.strip_prefix("/api/v1") {
        Some("/jobs") => "/queue",
        Some(rest) => rest,
        None => stem,
    };
    format!("{stem}{query}")
}

/// The page that is seen of those that there are: of one beyond the last the last.
pub(crate) fn page_of(asked: usize, per_page: usize, total: u64) -> usize {
    let last = usize::try_from(total).unwrap_or(usize::MAX);
    asked.clamp(1, last.div_ceil(per_page).max(1))
}

/// Which of how many rows are seen, and the way to the others.
pub(crate) fn pager(
    page: usize,
    per_page: usize,
    total: u64,
    url: &dyn Fn(usize) -> String,
) -> Markup {
    let pages = (total as usize).div_ceil(per_page).max(1);
    let first = (page - 1) * per_page + 1;
    let last = (page * per_page).min(total as usize);
    html! {
        @if total > 0 {
            nav .pager aria-label="Further rows" {
                @if page > 1 { a rel="prev" href=(url(page - 1)) { "← previous" } }
                span { (thousands(first as f64)) "–" (thousands(last as f64)) " of " (thousands(total as f64)) }
                @if page < pages { a rel="next" href=(url(page + 1)) { "next →" } }
            }
        }
    }
}

/// A choice between a few words, as links; the current one marked.
pub(crate) fn choice(label: &str, options: &[(&str, String, bool)]) -> Markup {
    html! {
        div .choice role="group" aria-label=(label) {
            span .muted { (label) }
            @for (word, href, on) in options {
                a href=(href) aria-current=[on.then_some("true")] { (word.replace('_', " ")) }
            }
        }
    }
}

/// What `[views]` in `uptick.toml` keeps of a page; `here` is the address that is shown.
pub(crate) fn views(config: &Config, page: &str, here: &str) -> Markup {
    let options: Vec<(&str, String, bool)> = config
        .views_of(page)
        .map(|(name, at)| (name, at.to_owned(), at == here))
        .collect();
    html! { @if !options.is_empty() { div .filters { (choice("kept", &options)) } } }
}

/// A commit in one line: short name, subject, author.
pub(crate) fn commit_line(c: &collector::store::MeasuredCommit) -> Markup {
    html! {
        a .sha href={ "/commit/" (c.sha.short()) } { (c.sha.short()) } " "
        span .subject { (text::cut(&c.subject, 80)) } " " span .muted { (text::cut(&c.author, 32)) }
    }
}
