//! The store as a file.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use collector::store::Keep;

/// Which store of a server is meant.
#[derive(Debug, ClapArgs)]
pub(crate) struct OfProject {
    /// With --data: the project of that server whose store is meant
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// How many commits
    #[arg(long, default_value_t = 240)]
    pub(crate) commits: u64,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// The file [default: standard output]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of: OfProject,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// The file [default: standard input]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of: OfProject,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Exclude {
    /// The report: its hash, the beginning of it, or a commit with one report
    pub(crate) report: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "report")]
    pub(crate) reason: Option<String>,
    /// Let it count again
    #[arg(long, requires = "report")]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) of: OfProject,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// For how long what is kept.
#[derive(Debug, ClapArgs)]
pub(crate) struct Keeping {
    /// Profiles go after this time (90d, 26w, 1y); those around an open change stay
    #[arg(long, value_name = "TIME", value_parser = days)]
    pub(crate) keep_profiles: Option<u64>,
    /// Reports of branches go after this time
    #[arg(long, value_name = "TIME", value_parser = days)]
    pub(crate) keep_branches: Option<u64>,
    /// Reports of the main line go after this time; those of the newest hundred commits, and what
    /// open changes need, stay
    #[arg(long = "keep", value_name = "TIME", value_parser = days)]
    pub(crate) keep_main: Option<u64>,
}

impl Keeping {
    /// As the store takes it.
    pub(crate) const fn keep(&self) -> Keep {
        Keep {
            profiles: self.keep_profiles,
            branches: self.keep_branches,
            main: self.keep_main,
        }
    }
}

/// A time in days: `90d`, `26w`, `3y`.
fn days(text: &str) -> Result<u64, String> {
    let wrong = || "not a time such as 90d, 26w or 3y".to_string();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let each = match unit {
        'd' => 1,
        'w' => 7,
        'y' => 365,
        _ => return Err(wrong()),
    };
    let n: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    match n.checked_mul(each) {
        Some(days @ 1..=36_500) => Ok(days),
        _ => Err("not between 1d and 100y".into()),
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) keeping: Keeping,
    /// Say what would go, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) of: OfProject,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// The file; of a server, with --data and without --project, a directory
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) of: OfProject,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Deriving a store's view again, and checking it.
#[derive(Debug, ClapArgs)]
pub(crate) struct Whole {
    #[command(flatten)]
    pub(crate) of: OfProject,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) backup: Backup,
    /// The store that was copied is gone: its profiles outside the file (`serve --blobs`) are this
    /// one's, which removes them when they are pruned
    #[arg(long)]
    pub(crate) original_gone: bool,
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn a_time_is_a_number_of_days_weeks_or_years() {
        assert_eq!(days("90d"), Ok(90));
        assert_eq!(days("2w"), Ok(14));
        assert_eq!(days("3y"), Ok(1_095));
        for wrong in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "1.5y",
            "101y",
            "90é",
            "99999999999999999999d",
        ] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
