//! From a function of the table to its frame, to its callers, and to its line in the repository.

use std::collections::HashMap;

use collector::config::Repository;
use collector::model::{FunctionDelta, Sha};
use collector::profile::names;
use maud::{Markup, html};

use super::load::Pair;
use crate::app::App;
use crate::flame::{self, Tree};
use crate::look::Look;
use crate::text;

/// What the rows link to.
pub(super) struct Links<'a> {
    pair: &'a Pair,
    repository: &'a Repository,
    page: String,
    look: &'a Look,
    tree: Option<&'a Tree>,
}

impl<'a> Links<'a> {
    pub(super) fn of(app: &'a App, pair: &'a Pair, look: &'a Look) -> Self {
        Self {
            pair,
            repository: &app.options.config.repository,
            page: format!("/functions/{}", pair.stem()),
            look,
            tree: pair.tree(),
        }
    }

    /// The widest frame of each function.
    pub(super) fn frames(&self) -> HashMap<&str, usize> {
        self.tree.map(Tree::widest).unwrap_or_default()
    }

    /// A function: its frame, the graph around it, where it stands.
    pub(super) fn name(&self, f: &FunctionDelta, frames: &HashMap<&str, usize>) -> Markup {
        let whole = flame::shown(&f.name);
        let short = html! { code { (text::cut(&names::short(&f.name), 60)) } };
        html! {
            @match frames.get(whole.as_str()) {
                Some(frame) => {
                    a .toflame href=(self.to(&Look::default().at(*frame))) { (short) } " "
                    a .toflame.muted href=(self.to(&self.look.around(&whole))) { "callers" }
                }
                None => { (short) }
            }
            @if let Some(file) = &f.file {
                " " (self.place(f, (file, f.line), None))
            } @else if let Some(c) = &f.caller {
                " " (self.place(f, (&c.file, Some(c.line)), Some("from ")))
            }
        }
    }

    fn to(&self, look: &Look) -> String {
        format!("{}{}#flame", self.page, look.query())
    }

    fn place(
        &self,
        f: &FunctionDelta,
        (file, line): (&str, Option<u32>),
        from: Option<&str>,
    ) -> Markup {
        let cut = text::cut(file, 60);
        let words = line.map_or_else(|| cut.clone(), |line| format!("{cut}:{line}"));
        html! {
            span .muted {
                @if let Some(from) = from { (from) }
                @match self.source(f, file, line) {
                    Some(address) => { a href=(address) rel="noreferrer" { (words) } }
                    None => { (words) }
                }
            }
        }
    }

    /// The line where people read the repository; for a removed function, as it was before.
    fn source(&self, f: &FunctionDelta, file: &str, line: Option<u32>) -> Option<String> {
        let commit: &Sha = match f.head {
            0 => &self.pair.base.sha,
            _ => &self.pair.head.sha,
        };
        let known = self.pair.in_repository(file);
        known.then(|| self.repository.source_of(commit, file, line))?
    }
}
