//! `[owners]`: whose a benchmark is.

use super::{Config, glob};

/// The longest name of an owner.
const LONGEST: usize = 100;

impl Config {
    /// Whose a benchmark is: of the globs that match, the longest says so, being the most
    /// particular.
    #[must_use]
    pub fn owner_of(&self, benchmark: &str) -> Option<&str> {
        let matching = self.owners.iter().filter(|(g, _)| glob(g, benchmark));
        let owner = matching.max_by_key(|(g, _)| g.chars().count());
        owner.map(|(_, name)| name.as_str())
    }

    /// Who is to care for a change of a benchmark: who took it on, else the benchmark's owner.
    #[must_use]
    pub fn carer<'a>(&'a self, benchmark: &str, assignee: &'a str) -> Option<&'a str> {
        match assignee {
            "" => self.owner_of(benchmark),
            taken => Some(taken),
        }
    }

    pub(super) fn check_owners(&self) -> Result<(), String> {
        for (glob, name) in &self.owners {
            let is_name = !name.trim().is_empty()
                && name.len() <= LONGEST
                && !name.chars().any(char::is_control);
            if !is_name {
                return Err(format!(
                    "owners: `{glob}`: an owner is a name of 1 to {LONGEST} bytes without control \
                     characters"
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
    fn the_most_particular_glob_says_whose_a_benchmark_is() {
        let text =
            "[owners]\n\"**\" = \"team\"\n\"parse/**\" = \"ada\"\n\"parse/io/*\" = \"ben\"\n";
        let c = Config::parse(text).unwrap();
        assert_eq!(c.owner_of("parse/large"), Some("ada"));
        assert_eq!(c.owner_of("parse/io/read"), Some("ben"));
        assert_eq!(c.owner_of("lex"), Some("team"));
        assert_eq!(Config::default().owner_of("lex"), None);
        assert_eq!(c.carer("lex", ""), Some("team"));
        assert_eq!(c.carer("lex", "eve"), Some("eve"));
        for bad in ["\"a\" = \"\"", "\"a\" = \" \"", "\"a\" = \"x\\ny\""] {
            let e = Config::parse(&format!("[owners]\n{bad}\n")).unwrap_err();
            assert!(e.contains("owners: `a`"), "{e}");
        }
    }
}
