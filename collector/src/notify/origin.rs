//! Where messages come from, as they say it.

/// Where messages come from, as they say it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The project's name.
    pub project: String,
    /// The address of its pages, without a slash at its end; empty where nobody knows it.
    pub url: String,
}

impl Origin {
    pub(super) fn link(&self, path: &str) -> String {
        if self.url.is_empty() {
            return String::new();
        }
        format!("{}{path}", self.url)
    }
}
