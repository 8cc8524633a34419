//! An invented history, so that a newcomer sees every page filled, and tests and load have
//! something to read: some months of a parser's life, with steps, a drift, a spike that went
//! back, a compiler update, gaps, failures and names that mean harm. Stored as measured reports
//! are, through [`Store::put`].

mod branches;
mod commits;
mod happenings;
mod names;
mod size;
mod stacks;
mod suite;

pub use commits::sha;
pub use size::Size;

use collector::detect::alerts::life::{Resolution, State};
use collector::error::Result;
use collector::store::{Store, Triage};

use happenings::PROFILED;
use suite::Suite;

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Reports.
    pub reports: u64,
    /// Series searched for changes.
    pub series: usize,
}

/// Fills a store. `progress` is told how many of how many commits are done.
///
/// # Errors
/// [`collector::error::Error::Store`].
pub fn fill(store: &mut Store, size: Size, progress: &mut dyn FnMut(u64, u64)) -> Result<Filled> {
    let suite = Suite::new(size);
    let mut done = Filled::default();
    for position in 0..size.commits {
        let ago = size.commits - 1 - position;
        let is_gap = ago > 0 && ago % 11 == 4;
        if is_gap {
            continue;
        }
        let (report, blobs) = suite.report(position);
        if size.plain {
            // Derived at once below: sixteen points of a series then share a page of the file.
            store.put_durably(&report, &blobs)?;
        } else {
            store.put(&report, &blobs)?;
        }
        done.reports += 1;
        if !size.plain && ago < PROFILED {
            suite.keep_stacks(store, &report, ago)?;
        }
        progress(position + 1, size.commits);
    }
    if size.plain {
        store.rebuild()?;
    } else {
        for report in branches::reports(size.commits, &|position| suite.report(position).0) {
            store.put(&report, &[])?;
            done.reports += 1;
        }
    }
    loop {
        let n = collector::history::watch::search(store, 512)?;
        done.series += n;
        if n < 512 {
            break;
        }
    }
    if !size.plain {
        decide(store, size.now)?;
    }
    Ok(done)
}

/// Some decisions, as people would have made them.
fn decide(store: &mut Store, now: i64) -> Result<()> {
    let newest = store
        .commits(u64::MAX, 1)?
        .first()
        .map_or(0, |c| c.position);
    let of = |store: &Store, ago: u64| -> Result<Vec<String>> {
        let at = newest.saturating_sub(ago);
        let events = store.events_within(at.saturating_sub(1), at + 1, 500)?;
        Ok(events.into_iter().map(|e| e.reported.id).collect())
    };
    let said = [
        (196, State::Resolved(Resolution::Accepted), "", ""),
        (
            131,
            State::Resolved(Resolution::FixedBy),
            "mended by the block-wise check",
            "https://example.com/lexis/issues/790",
        ),
        (88, State::Resolved(Resolution::Accepted), "", ""),
        (
            61,
            State::Resolved(Resolution::Accepted),
            "arena, as planned",
            "",
        ),
        (47, State::Resolved(Resolution::FixedBy), "reverted", ""),
        (42, State::Resolved(Resolution::Accepted), "", ""),
        (34, State::Acknowledged, "credit in the release notes", ""),
    ];
    for (i, (ago, state, note, link)) in said.into_iter().enumerate() {
        let events = of(store, ago)?;
        let what = Triage {
            events,
            state: Some(state),
            note: note.into(),
            link: link.into(),
            ..Triage::default()
        };
        let when = now - (said.len() - i) as i64 * 86_400;
        store.decide(&what, names::TRIAGERS[i % names::TRIAGERS.len()], when)?;
    }
    Ok(())
}
