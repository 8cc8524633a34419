//! The parts of a search that a server's collectors do in this machine's place.

use std::collections::HashMap;

use crate::bisect::Hunt;
use crate::bisect::collectors::{Collectors, Gave};
use crate::bisect::explain::Again;
use crate::bisect::probe::{self, Seen};
use crate::error::{Error, Result};
use crate::jobs::Purpose;
use crate::model::{Commit, Sha};
use crate::run::Source;
use crate::search::finding::Finding;
use crate::search::{Observation, Step};

impl Hunt<'_> {
    /// What the server knows of the commits, by name; `None` where no server measures.
    pub(super) fn known_there(&self) -> Result<Option<HashMap<Sha, f64>>> {
        let Some(collectors) = self.collectors else {
            return Ok(None);
        };
        let known = collectors.known()?.into_iter().map(|k| (k.sha, k.value));
        Ok(Some(known.collect()))
    }

    /// Has commits measured there.
    pub(super) fn look_there(
        &self,
        collectors: &dyn Collectors,
        shas: &[Sha],
        purpose: Purpose,
    ) -> Vec<Result<Seen>> {
        let gave = match collectors.measure(shas, purpose, self.progress) {
            Ok(gave) => gave,
            Err(e) => return vec![Err(e)],
        };
        let seen = |gave: Gave| {
            let source = match gave.was_there {
                true => Source::Stored,
                false => Source::Measured,
            };
            if source == Source::Measured {
                self.progress.building();
            }
            Ok(match gave.reports {
                Ok(reports) => probe::read(&reports, &self.asked, source),
                Err(why) => Seen {
                    observation: Observation::Skip(why),
                    source,
                    like: None,
                    missing: false,
                },
            })
        };
        gave.into_iter().map(seen).collect()
    }

    /// What further runs would be needed for is no server's work: they have to be taken in turn.
    pub(super) fn refuse_to_run_again(&self) -> Result<()> {
        match self.collectors {
            None => Ok(()),
            Some(_) => Err(Error::NoVerdict(format!(
                "`{}` differs from run to run on that server, and a search needs runs in turn on one \
                 machine: search it there, without --server",
                self.asked.benchmark
            ))),
        }
    }

    /// Verifies the culprit against its parent, both measured anew, and names what the server knows
    /// of it.
    pub(super) fn explain_there(
        &mut self,
        collectors: &dyn Collectors,
        finding: &mut Finding,
        (step, base, head): (&Step, &Commit, &Commit),
    ) -> Result<()> {
        if head.parents.len() > 1 {
            self.notes.push(format!(
                "{} is a merge, and the server measures its main line: a search without --server \
                 goes down into it",
                head.sha.short()
            ));
        }
        self.progress
            .stage("verifying the culprit against its parent");
        let (base, head) = (&base.sha, &head.sha);
        let again = self.again_there(collectors, base, head)?;
        if self.is_contradicted(finding, step, again) {
            return Ok(());
        }
        // What was found stands without its explanation.
        match collectors.functions(base, head) {
            Ok(functions) if !functions.is_empty() => finding.functions = functions,
            Ok(_) => self
                .notes
                .push("the server has no profiles of both commits".into()),
            Err(e) => self.notes.push(format!("its functions are not known: {e}")),
        }
        let page = collectors.page(base, head);
        self.notes.push(format!("compared at {page}"));
        Ok(())
    }

    /// Both commits, measured anew.
    fn again_there(&self, collectors: &dyn Collectors, base: &Sha, head: &Sha) -> Result<Again> {
        let both = [base.clone(), head.clone()];
        let mut values = Vec::new();
        for seen in self.look_there(collectors, &both, Purpose::Confirm) {
            let seen = seen?;
            match (seen.observation, &seen.like) {
                (Observation::Values(runs), Some(like)) => match probe::settled(&runs, like) {
                    Some(value) => values.push(value),
                    None => return Ok(Again::NotAsked),
                },
                (Observation::Skip(why), _) => return Ok(Again::Failed(why)),
                (Observation::Values(_), None) => return Ok(Again::NotAsked),
            }
        }
        Ok(match values[..] {
            [before, after] => Again::Seen(before, after),
            _ => Again::NotAsked,
        })
    }
}
