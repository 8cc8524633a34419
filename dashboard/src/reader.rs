//! Who looks at a page: what its head says of them, and which controls are on it.
//!
//! A page that is kept is kept for each reader. Its frame leaves a gap in its head, which is filled
//! once the page is made: so that a page without controls needs to know nothing of who reads it.

use collector::store::Scope;
use maud::{Markup, html};

use crate::text;

/// Stands for the reader until the page is made; no name on a page can hold it, for `<` in names is
/// escaped.
pub(crate) const GAP: &str = "<!--reader-->";

/// Who looks at a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    /// Whoever comes, without a token.
    #[default]
    Anybody,
    /// Whoever sits at this machine.
    Owner,
    /// Whoever holds a token, or is named by the proxy in front.
    Holder {
        /// The token's name, or theirs.
        name: String,
        /// What they may do.
        scope: Scope,
        /// Who says so.
        by: By,
    },
}

/// Who says who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// They hold a token.
    Token,
    /// The proxy in front signed them in; out, too.
    Proxy,
}

impl Reader {
    /// Whether they may decide about changes.
    pub(crate) fn may_decide(&self, read_only: bool) -> bool {
        !read_only
            && match self {
                Self::Anybody => false,
                Self::Owner => true,
                Self::Holder { scope, .. } => scope.allows(Scope::Write),
            }
    }

    /// Whether they may do everything.
    pub(crate) fn may_do_everything(&self, read_only: bool) -> bool {
        let is_admin = match self {
            Self::Anybody => false,
            Self::Owner => true,
            Self::Holder { scope, .. } => scope.allows(Scope::Admin),
        };
        is_admin && !read_only
    }

    /// The name that changes are assigned to when they take them on.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Holder { name, .. } => Some(name),
            Self::Anybody | Self::Owner => None,
        }
    }

    /// Why there are no controls on a page, where there are none.
    pub(crate) fn why_not(&self, read_only: bool) -> Markup {
        html! {
            @if read_only { "This dashboard serves its store for reading only." }
            @else {
                @if let Self::Holder { .. } = self { "You are " (self.signed_in()) ": " }
                "deciding takes "
                @if self.is_proxied() { "the scope " } @else { "a token of scope " }
                code { (Scope::Write.name()) } "."
                @if *self == Self::Anybody { " " a href="/login" { "Sign in" } }
            }
        }
    }

    /// Whether the proxy in front signed them in.
    pub(crate) const fn is_proxied(&self) -> bool {
        matches!(self, Self::Holder { by: By::Proxy, .. })
    }

    /// Who they are and what they may, in words.
    pub(crate) fn signed_in(&self) -> Markup {
        html! {
            @if let Self::Holder { name, scope, .. } = self {
                "signed in as " b { (text::cut(name, 40)) } " (" (words(*scope)) ")"
            }
        }
    }

    /// What the head of a page says of them, with the way out.
    fn head(&self, read_only: bool) -> Markup {
        html! {
            div .who {
                @match self {
                    Self::Holder { by: By::Proxy, .. } => { span { (self.signed_in()) } }
                    Self::Holder { .. } => {
                        span { (self.signed_in()) }
                        form method="post" action="/logout" {
                            button .small type="submit" { "Sign out" }
                        }
                    }
                    Self::Owner if read_only => { "read only" }
                    Self::Owner => {}
                    Self::Anybody => { "reading without a token " a href="/login" { "Sign in" } }
                }
            }
        }
    }
}

/// What a token allows, in words.
const fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read only",
        Scope::Write => "may write",
        Scope::Collect => "may collect",
        Scope::Admin => "may do everything",
    }
}

/// The page with its reader; `None` where there is no gap.
pub(crate) fn fill(body: &[u8], reader: &Reader, read_only: bool) -> Option<Vec<u8>> {
    let from = body.windows(GAP.len()).position(|w| w == GAP.as_bytes())?;
    let head = reader.head(read_only).into_string();
    let mut out = Vec::with_capacity(body.len() + head.len());
    out.extend_from_slice(&body[..from]);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&body[from + GAP.len()..]);
    Some(out)
}
