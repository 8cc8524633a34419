//! Where a check speaks: which forge, which repository, which pull request, and who speaks.

use super::wire::HttpHeader;

/// The forges whose interfaces are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// GitHub and GitHub Enterprise.
    GitHub,
    /// Gitea and Forgejo.
    Gitea,
    /// GitLab.
    GitLab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Azure DevOps.
    Azure,
}

impl Forge {
    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::Gitea => "Gitea",
            Self::GitLab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::Azure => "Azure DevOps",
        }
    }

    /// The forge of that name, as `UPTICK_FORGE` and Woodpecker give it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "github" => Self::GitHub,
            "gitea" | "forgejo" => Self::Gitea,
            "gitlab" => Self::GitLab,
            "bitbucket" => Self::Bitbucket,
            "azure" => Self::Azure,
            _ => return None,
        })
    }

    /// The variables that a token is taken from, the first that is set.
    #[must_use]
    pub const fn tokens(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["UPTICK_FORGE_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"],
            Self::Gitea => &[
                "UPTICK_FORGE_TOKEN",
                "FORGEJO_TOKEN",
                "GITEA_TOKEN",
                "GITHUB_TOKEN",
            ],
            // CI_JOB_TOKEN is none of them: it may not write notes.
            Self::GitLab => &["UPTICK_FORGE_TOKEN", "GITLAB_TOKEN"],
            Self::Bitbucket => &["UPTICK_FORGE_TOKEN", "BITBUCKET_TOKEN"],
            Self::Azure => &["UPTICK_FORGE_TOKEN", "SYSTEM_ACCESSTOKEN"],
        }
    }
}

/// What proves who asks. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A token, unless there is nothing in it that a header could carry.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_string()))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Which pull request a run belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullRequest {
    /// None: a push, a schedule.
    None,
    /// This one.
    Number(u64),
    /// This one, whose head the event does not name: somebody commented on it.
    Headless(u64),
    /// The open one with this head, which the event does not name: it comes from a fork.
    Of {
        /// Who owns the fork.
        owner: String,
        /// The branch in it.
        branch: String,
    },
}

/// Where a check speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiRun {
    /// The forge.
    pub kind: Forge,
    /// The base address of its interface, without a slash at its end.
    pub api: String,
    /// The address of its GraphQL interface, where it has one.
    pub graphql: Option<String>,
    /// The repository, as the interface names it.
    pub repository: String,
    /// The pull request.
    pub pull: PullRequest,
    /// The head of the pull request, or the commit that was pushed.
    pub head: String,
    /// What proves who asks.
    pub token: Option<Secret>,
    /// Who we are, where it was said.
    pub author: Option<String>,
    /// The page of the run.
    pub link: Option<String>,
    /// The page of its files.
    pub pictures: Option<String>,
    /// The number of the run.
    pub run: u64,
    /// Which try.
    pub attempt: u64,
    /// The CI that counts these runs.
    pub ci: &'static str,
}

impl CiRun {
    /// A run at that forge of which nothing else is known yet.
    #[must_use]
    pub const fn unknown(kind: Forge) -> Self {
        Self {
            kind,
            api: String::new(),
            graphql: None,
            repository: String::new(),
            pull: PullRequest::None,
            head: String::new(),
            token: None,
            author: None,
            link: None,
            pictures: None,
            run: 0,
            attempt: 1,
            ci: "",
        }
    }

    /// The header that proves who asks, under the bearer scheme of OAuth 2.0 (RFC 6750).
    pub(super) fn bearer(&self) -> Vec<HttpHeader> {
        let header =
            |t: &Secret| HttpHeader::new("authorization", format!("Bearer {}", t.reveal()));
        self.token.iter().map(header).collect()
    }
}
