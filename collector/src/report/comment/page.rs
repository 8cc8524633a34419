//! A check on a page of its own: the summary of a CI step, a file, the text of a page. It says what
//! the comment says, with room for more.

use super::body::headline;
use super::section::{self, Leg, Room};
use super::{LegSection, Style};
use crate::judge::{Checked, Judgement};

/// A judgement on a page of its own.
#[must_use]
pub fn page(j: &Judgement) -> String {
    let leg = Leg::default();
    alone(&section::of_judgement(j, &leg, PAGE, Room::PAGE))
}

/// What a check came to on a page of its own, also where that is nothing.
#[must_use]
pub fn page_of(checked: &Checked) -> String {
    match checked {
        Checked::Judged(j) => page(j),
        Checked::Failed { message, code } => {
            alone(&section::of_failure(message, *code, &Leg::default()))
        }
    }
}

const PAGE: Style = Style::html(usize::MAX);

fn alone(section: &LegSection) -> String {
    let headline = headline("", &[&section.state], &section.state.head);
    format!("{headline}\n\n{}\n", section.text)
}
