//! What stands in a comment and what one leg has to say, put together: the same whatever the
//! order.

use std::cmp::Reverse;

use super::{LegOutcome, LegSection};

/// Who speaks under the names of its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// One of several that may share a name, as the legs of a matrix without `--leg` do: of two
    /// that say different things in one try the worse stands.
    OneOfMany,
    /// Nobody else: what is said last counts.
    Alone,
}

/// What the comment must hold when `own` is added to what stands; `None` when a later run has
/// spoken.
///
/// Sections about another head go: they speak of code that is not proposed any more. A leg that
/// regressed or failed there stays until it is heard again, so that silence is not taken for a mend;
/// who speaks alone says all there is at once.
#[must_use]
pub fn merged(standing: &[LegSection], own: &LegSection, voice: Voice) -> Option<Vec<LegSection>> {
    if standing.iter().any(|s| is_later(s, own)) {
        return None;
    }
    let head = &own.state.head;
    let mut kept: Vec<LegSection> = Vec::new();
    let others = standing.iter().filter(|s| s.state.id != own.state.id);
    let may_wait = voice == Voice::OneOfMany;
    for s in others.filter(|s| s.state.head == *head || (may_wait && is_owed(s))) {
        match kept.iter_mut().find(|k| k.state.id == s.state.id) {
            Some(k) if rank(k, head) < rank(s, head) => *k = s.clone(),
            Some(_) => {}
            None => kept.push(s.clone()),
        }
    }
    let rivals = standing.iter().filter(|s| is_same_try(s, own));
    kept.push(rivals.fold(own.clone(), |said, s| one_of(said, s, voice)));
    kept.sort_by(|a, b| place(a).cmp(&place(b)));
    Some(kept)
}

/// Whoever opens the comment finds the worst leg first.
fn place(s: &LegSection) -> (Reverse<LegOutcome>, &str, &str) {
    let state = &s.state;
    (Reverse(state.standing), &state.name, &state.id)
}

fn turn(s: &LegSection) -> (u64, u64) {
    (s.state.run, s.state.attempt)
}

/// Whether a later run has spoken. Only runs of one CI have an order.
fn is_later(s: &LegSection, own: &LegSection) -> bool {
    let (a, b) = (&s.state, &own.state);
    let comparable = a.ci == b.ci || a.ci.is_empty() || b.ci.is_empty();
    let by_run = match a.head == b.head {
        true => a.id == b.id && turn(s) > turn(own),
        false => a.run > b.run,
    };
    comparable && by_run
}

/// A leg of another head that has something to mend. One without a verdict has nothing; what could
/// not be read of it may have had another name.
fn is_owed(s: &LegSection) -> bool {
    matches!(s.state.standing, LegOutcome::Regressed | LegOutcome::Failed)
}

/// Which of two sections of one leg stands.
fn rank<'a>(s: &'a LegSection, head: &str) -> impl Ord + use<'a> {
    let state = &s.state;
    let said = (state.standing, &state.text, state.disputed);
    (state.head == head, turn(s), said)
}

fn is_same_try(s: &LegSection, own: &LegSection) -> bool {
    let key = |s: &LegSection| (s.state.id.clone(), s.state.head.clone(), s.state.ci.clone());
    key(s) == key(own) && turn(s) == turn(own)
}

/// Of what was said in one try under one name. What stands already stays as it is, cut or not: two
/// legs that took turns at it would never end.
fn one_of(said: LegSection, stands: &LegSection, voice: Voice) -> LegSection {
    if said.state.text == stands.state.text {
        return stands.clone();
    }
    // A CI that does not number its runs cannot tell another try from another leg.
    if voice == Voice::Alone || said.state.run == 0 {
        return said;
    }
    let by = |s: &LegSection| (s.state.standing, s.state.text.clone());
    let mut worse = if by(&said) < by(stands) {
        stands.clone()
    } else {
        said
    };
    worse.state.disputed = true;
    worse
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::tests::leg;
    use super::*;

    fn add(standing: &[LegSection], own: &LegSection) -> Option<Vec<LegSection>> {
        merged(standing, own, Voice::OneOfMany)
    }

    #[test]
    fn the_order_of_legs_does_not_matter() {
        let legs = ["c", "a", "b"].map(|n| leg(n, "h", 7, LegOutcome::Ok));
        let all = |legs: &mut dyn Iterator<Item = &LegSection>| {
            legs.fold(Vec::new(), |s, l| add(&s, l).unwrap_or(s))
        };
        let one = all(&mut legs.iter());
        assert_eq!(one, all(&mut legs.iter().rev()));
        assert_eq!(one.len(), 3);
        // Duplicates of one leg, as two comments may hold them, are one.
        let twice = [one.clone(), one.clone()].concat();
        assert_eq!(add(&twice, &legs[0]), Some(one));
    }

    #[test]
    fn another_head_replaces_and_a_late_run_is_silent() {
        let old = [
            leg("a", "old", 1, LegOutcome::Regressed),
            leg("b", "old", 1, LegOutcome::Ok),
        ];
        let new = leg("a", "new", 2, LegOutcome::Ok);
        assert_eq!(add(&old, &new), Some(vec![new.clone()]));
        assert_eq!(add(&[new], &old[0]), None);
        // The same head judged again: the later attempt stands.
        let mut again = leg("a", "old", 1, LegOutcome::Ok);
        again.state.attempt = 2;
        assert_eq!(add(&old, &again).map(|s| s.len()), Some(2));
        assert_eq!(add(&[again], &old[0]), None);
    }

    #[test]
    fn a_leg_that_regressed_is_waited_for_on_the_next_head() {
        let old = [
            leg("a", "old", 1, LegOutcome::Ok),
            leg("b", "old", 1, LegOutcome::Regressed),
        ];
        let new = leg("a", "new", 2, LegOutcome::Ok);
        let both = add(&old, &new).unwrap();
        assert_eq!(both, [old[1].clone(), new.clone()], "the worst first");
        // Once it has spoken nothing is owed, and it may come before the other does.
        let mended = leg("b", "new", 2, LegOutcome::Ok);
        let well = [new.clone(), mended.clone()];
        assert_eq!(add(&both, &mended).unwrap(), well);
        let other = add(&old, &mended).unwrap();
        assert_eq!(add(&other, &new).unwrap(), well);
        // A server says all its legs at once, and one without a verdict has nothing to mend.
        let alone = merged(&old, &new, Voice::Alone).unwrap();
        assert_eq!(alone, std::slice::from_ref(&new));
        let none = [leg("b", "old", 1, LegOutcome::NoVerdict)];
        assert_eq!(add(&none, &new).unwrap(), [new]);
    }

    #[test]
    fn of_two_that_say_different_things_under_one_name_the_worse_stands() {
        let bad = leg("a", "h", 7, LegOutcome::Regressed);
        let mut good = leg("a", "h", 7, LegOutcome::Ok);
        good.state.text = "another".into();
        let one = add(&add(&[], &bad).unwrap(), &good).unwrap();
        let other = add(&add(&[], &good).unwrap(), &bad).unwrap();
        assert_eq!(one, other);
        assert_eq!(one[0].state.standing, LegOutcome::Regressed);
        assert!(one[0].state.disputed);
        // Either may look again: it stays.
        assert_eq!(add(&one, &good).unwrap(), one);
        assert_eq!(add(&one, &bad).unwrap(), one);
        // Another try, or one who speaks alone, has the last word.
        let mut again = good.clone();
        again.state.attempt = 2;
        assert_eq!(add(&one, &again).unwrap(), [again]);
        let alone = merged(&[bad], &good, Voice::Alone);
        assert_eq!(alone.unwrap(), [good]);
    }

    #[test]
    fn runs_of_another_ci_have_no_order() {
        let mut old = leg("a", "old", 16_000_000_000, LegOutcome::Ok);
        old.state.ci = "github".into();
        let mut new = leg("a", "new", 12, LegOutcome::Ok);
        assert_eq!(add(&[old.clone()], &new), None);
        new.state.ci = "jenkins".into();
        assert_eq!(add(&[old], &new), Some(vec![new]));
    }
}
