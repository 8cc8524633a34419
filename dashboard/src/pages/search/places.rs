//! The pages themselves, by their names and by other words for what is on them.

use collector::config::Config;
use serde::Serialize;

use crate::app::{App, Role};
use crate::find::begins;

/// A page that a text finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) url: String,
}

/// Name, address and further words of the pages of a store.
const PAGES: [(&str, &str, &str); 9] = [
    ("Today", "/", "inbox open triage"),
    ("Health", "/health", "suite testbeds noise failures"),
    ("Commits", "/commits", "branches history"),
    ("Compare", "/compare", "releases"),
    ("All changes", "/changes", "alerts regressions improvements"),
    ("Decisions", "/log", "undo"),
    ("Channels", "/channels", "settings notifications messages"),
    ("Help and keys", "/help", "keyboard shortcuts"),
    ("Account", "/login", "settings token signin signout"),
];

/// Those of the server that has a project.
const SHARED: [(&str, &str, &str); 4] = [
    ("All projects", "/projects", "repositories"),
    ("Queue", "/queue", "jobs waiting running"),
    ("Collectors", "/collectors", "machines labels"),
    ("Pull requests", "/pulls", "pulls forks approve"),
];

/// The pages that every word begins a word of.
pub(super) fn places(app: &App, words: &[String]) -> Vec<Place> {
    let is_shared = matches!(app.role, Role::Project { .. });
    let shared = SHARED.iter().filter(|_| is_shared);
    let profiles = ("Profiles", "/profiles", "settings bucket");
    let profiles = Some(&profiles).filter(|_| app.objects().is_some());
    let all = PAGES.iter().chain(profiles).chain(shared);
    let found = all.filter(|(name, _, also)| begins(&format!("{name} {also}"), words));
    let place = |(name, url, _): &(&str, &str, &str)| Place {
        name: (*name).into(),
        url: (*url).into(),
    };
    let kept = kept(&app.options.config, words);
    found.map(place).chain(kept).collect()
}

/// What `[views]` in `uptick.toml` keeps under names that hold every word.
fn kept(config: &Config, words: &[String]) -> Vec<Place> {
    let all = config.views.iter();
    let found = all.filter(|(name, _)| crate::find::holds(name, words));
    let place = |(name, url): (&String, &String)| Place {
        name: name.clone(),
        url: url.clone(),
    };
    found.map(place).collect()
}

/// The words that pages are found by.
pub(super) fn names() -> Vec<String> {
    let all = PAGES.iter().chain(&SHARED);
    all.map(|(name, _, also)| format!("{name} {also}"))
        .collect()
}
