//! `[views]`: lists of the dashboard that are kept under a name.

use super::Config;

/// The longest name of a view, in bytes.
const LONGEST: usize = 60;
/// The pages whose choices live in their addresses.
const PAGES: [&str; 2] = ["/changes", "/health"];

impl Config {
    /// The views of a page, each with its address, by name.
    pub fn views_of(&self, page: &str) -> impl Iterator<Item = (&str, &str)> {
        let of_page = move |address: &str| {
            let rest = address.strip_prefix(page);
            rest.is_some_and(|r| r.is_empty() || r.starts_with('?'))
        };
        let all = self
            .views
            .iter()
            .map(|(name, at)| (name.as_str(), at.as_str()));
        all.filter(move |(_, at)| of_page(at))
    }

    pub(super) fn check_views(&self) -> Result<(), String> {
        for (name, address) in &self.views {
            let is_name = !name.trim().is_empty()
                && name.len() <= LONGEST
                && !name.chars().any(char::is_control);
            if !is_name {
                return Err(format!(
                    "views: `{name}`: a name is 1 to {LONGEST} bytes without control characters"
                ));
            }
            let page = address.split('?').next().unwrap_or_default();
            let is_whole = !address.chars().any(|c| c.is_control() || c == ' ');
            if !PAGES.contains(&page) || !is_whole {
                return Err(format!(
                    "views: `{name}`: its address is what the browser shows behind the server, such as \
                     `/changes?state=open&owner=ada`; those of /changes and /health can be kept"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_an_address_of_its_page() {
        let text = "[views]\n\"ours\" = \"/changes?owner=ada\"\nall = \"/changes\"\n\
                    blind = \"/health?state=blind\"\n";
        let config = Config::parse(text).unwrap();
        let names = |page| config.views_of(page).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(names("/changes"), ["all", "ours"]);
        assert_eq!(names("/health"), ["blind"]);
        for bad in [
            "a = \"https://elsewhere.example/changes\"",
            "a = \"/changesets\"",
            "a = \"/changes?q=a b\"",
            "\" \" = \"/changes\"",
        ] {
            let e = Config::parse(&format!("[views]\n{bad}\n")).unwrap_err();
            assert!(e.contains("views: "), "{e}");
        }
    }
}
