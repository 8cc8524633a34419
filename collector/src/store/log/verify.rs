//! Whether everything stored is what its hash says, and whether the view is that of the log: it is
//! derived once more, elsewhere, and compared row by row.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::model::digest;
use crate::store::Store;
use crate::store::log::entry::{Entry, Kind};
use crate::store::log::tokens::Scope;

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// Reports read and checked.
    pub reports: u64,
    /// Profiles read and checked.
    pub blobs: u64,
    /// Other entries read and checked: alerts, decisions, the main line.
    pub entries: u64,
    /// Profiles that lie outside the file: each that was read is counted in `blobs` too.
    pub objects: u64,
    /// Profiles that an entry names and that never came.
    pub pending: u64,
    /// Profiles that an entry names and whose time was over.
    pub pruned: u64,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
}

/// Counts that the view keeps, and how each is counted anew.
const COUNTS: [(&str, &str, &str); 4] = [
    (
        "reports are counted",
        "SELECT value FROM state WHERE name = 'reports'",
        "SELECT count(*) FROM report",
    ),
    (
        "points are counted",
        "SELECT value FROM state WHERE name = 'points'",
        "SELECT (SELECT count(*) FROM point) + (SELECT count(*) FROM branch_point)",
    ),
    (
        "points are counted by series",
        "SELECT coalesce(sum(points), 0) FROM series",
        "SELECT count(*) FROM point",
    ),
    (
        "reports of the log are listed",
        "SELECT count(*) FROM report",
        "SELECT count(*) FROM log l WHERE kind = 'report' \
         AND seq <= (SELECT value FROM state WHERE name = 'applied') \
         AND NOT EXISTS (SELECT 1 FROM exclusion e WHERE e.report = l.hash AND e.out = 1)",
    ),
];
/// Rows that refer to what is not there.
const REFERENCES: [(&str, &str); 5] = [
    (
        "points have no series",
        "SELECT count(*) FROM point p WHERE NOT EXISTS (SELECT 1 FROM series s WHERE s.id = p.series)",
    ),
    (
        "points have no report",
        "SELECT count(*) FROM point p WHERE p.report <= \
         (SELECT value FROM state WHERE name = 'applied') \
         AND NOT EXISTS (SELECT 1 FROM report r WHERE r.id = p.report)",
    ),
    (
        "reports have no entry in the log",
        "SELECT count(*) FROM report r WHERE NOT EXISTS \
         (SELECT 1 FROM log l WHERE l.seq = r.id AND l.hash = r.hash)",
    ),
    (
        "commits have no report",
        "SELECT count(*) FROM measured_commit c WHERE NOT EXISTS \
         (SELECT 1 FROM report r WHERE r.sha = c.sha)",
    ),
    (
        "decisions are about changes that were never reported",
        "SELECT count(*) FROM decided d WHERE NOT EXISTS (SELECT 1 FROM change c WHERE c.id = d.event)",
    ),
];

/// What is left of reports, and what was noted of it when they were pruned. A stub has no hash of
/// its own in the log.
#[derive(Default)]
struct Stubs {
    left: HashMap<String, String>,
    noted: HashMap<String, String>,
}

impl Stubs {
    fn note(&mut self, hash: &str, entry: &Entry, bytes: &[u8]) {
        match entry {
            Entry::Stub(_) => {
                self.left.insert(hash.to_owned(), digest(bytes));
            }
            Entry::Pruning(p) => {
                let all = p.reports.iter();
                self.noted
                    .extend(all.map(|r| (r.report.clone(), r.stub.clone())));
            }
            _ => {}
        }
    }

    fn problems(&self) -> impl Iterator<Item = String> + '_ {
        let other = self.left.iter();
        let other = other.filter(|(hash, stub)| self.noted.get(*hash) != Some(*stub));
        other.map(|(hash, _)| {
            format!("entry {hash}: what is left of this report is not what was noted of it")
        })
    }
}

impl Store {
    /// Reads everything and checks every hash, reference and counter, and every profile that lies
    /// elsewhere.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] only when the store cannot be read at all.
    pub fn verify(&self) -> Result<Verification> {
        let mut v = self.verify_file()?;
        // After the file: however long this takes, nobody's write waits for it.
        self.verify_objects(&mut v)?;
        Ok(v)
    }

    /// [`Store::verify`] of the file alone.
    pub(in crate::store) fn verify_file(&self) -> Result<Verification> {
        // One state of everything, though others write meanwhile.
        self.at_once(Self::verify_state)
    }

    fn verify_state(&self) -> Result<Verification> {
        let mut v = Verification::default();
        let integrity: Vec<String> = self.ask(|db| {
            db.prepare("PRAGMA integrity_check")?
                .query_map([], |r| r.get(0))?
                .collect()
        })?;
        v.problems
            .extend(integrity.into_iter().filter(|l| l != "ok"));
        self.verify_log(&mut v)?;
        let is_log_whole = v.problems.is_empty();
        self.verify_blobs(&mut v)?;
        self.verify_view(&mut v)?;
        if is_log_whole {
            v.problems.extend(self.differs_from_log()?);
        }
        self.verify_tokens(&mut v)?;
        Ok(v)
    }

    fn verify_log(&self, v: &mut Verification) -> Result<()> {
        let mut stubs = Stubs::default();
        let mut missing = HashSet::new();
        self.each_entry(&mut |kind, hash, bytes| {
            let is_report = kind == Kind::Report.name();
            v.reports += u64::from(is_report);
            v.entries += u64::from(!is_report);
            let read = bytes.map_err(|e| e.to_string()).and_then(|b| {
                let kind = Kind::from_name(kind).ok_or_else(|| format!("unknown kind {kind}"))?;
                let entry = Entry::parse(kind, &b)?;
                stubs.note(hash, &entry, &b);
                Ok(entry)
            });
            match read {
                Ok(entry) => self.missing(&entry, &mut missing)?,
                Err(e) => v.problems.push(format!("entry {hash}: {e}")),
            }
            Ok(())
        })?;
        v.problems.extend(stubs.problems());
        for hash in &missing {
            let is_pruned = self.pruned_profile(hash)?.is_some();
            v.pruned += u64::from(is_pruned);
            v.pending += u64::from(!is_pruned);
        }
        Ok(())
    }

    /// Notes the profiles that an entry names and that are not there.
    fn missing(&self, entry: &Entry, out: &mut HashSet<String>) -> Result<()> {
        let named: Vec<&str> = match entry {
            Entry::Report(r) => r.profiles.iter().map(|p| p.blob.as_str()).collect(),
            Entry::Profile(p) => vec![p.blob.as_str()],
            _ => Vec::new(),
        };
        for hash in named {
            let is_there: bool = self.ask(|db| {
                db.prepare_cached("SELECT EXISTS (SELECT 1 FROM profile_here WHERE hash = ?1)")?
                    .query_row([hash], |r| r.get(0))
            })?;
            if !is_there {
                out.insert(hash.to_owned());
            }
        }
        Ok(())
    }

    fn verify_blobs(&self, v: &mut Verification) -> Result<()> {
        let hashes: Vec<String> = self.ask(|db| {
            db.prepare("SELECT hash FROM blob")?
                .query_map([], |r| r.get(0))?
                .collect()
        })?;
        for hash in hashes {
            v.blobs += 1;
            match self.in_file(&hash) {
                Ok(None | Some(Ok(_))) => {}
                Ok(Some(Err(e))) => v.problems.push(e.to_string()),
                Err(e) => v.problems.push(e.to_string()),
            }
        }
        Ok(())
    }

    fn verify_view(&self, v: &mut Verification) -> Result<()> {
        let number = |sql: &str| self.ask(|db| db.query_row(sql, [], |r| r.get::<_, i64>(0)));
        for (what, kept, counted) in COUNTS {
            let (kept, counted) = (number(kept)?, number(counted)?);
            if kept != counted {
                v.problems.push(format!(
                    "{what} as {kept}, and are {counted}: `uptick rebuild` derives them anew"
                ));
            }
        }
        for (what, sql) in REFERENCES {
            let n = number(sql)?;
            if n > 0 {
                v.problems.push(format!(
                    "{n} {what}: `uptick rebuild` derives the view anew"
                ));
            }
        }
        Ok(())
    }

    /// A token's row is no entry and has no hash over it: what can be wrong in it is looked for.
    fn verify_tokens(&self, v: &mut Verification) -> Result<()> {
        let scopes = serde_json::json!(Scope::ALL.map(Scope::name)).to_string();
        let n: i64 = self.ask(|db| {
            db.query_row(
                "SELECT count(*) FROM token WHERE length(hash) <> 64 OR hash GLOB '*[^0-9a-f]*' \
                 OR scope NOT IN (SELECT value FROM json_each(?1)) \
                 OR typeof(created) <> 'integer' \
                 OR typeof(coalesce(expires, 0)) <> 'integer' \
                 OR typeof(coalesce(revoked, 0)) <> 'integer'",
                [scopes],
                |r| r.get(0),
            )
        })?;
        if n > 0 {
            v.problems.push(format!(
                "{n} tokens are damaged: revoke them and make new ones"
            ));
        }
        Ok(())
    }
}
