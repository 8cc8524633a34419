//! From marks at clock readings to the cost of one iteration. Pure.
//!
//! criterion brackets the region that it times with readings of the monotonic
//! clock. One call of `Bencher::iter` reads it four times,
//!
//! ```text
//! T0 time_start   T1 measurement.start   LOOP   T2 measurement.end   T3 elapsed
//! ```
//!
//! and `iter_batched` reads `T0, (set-up, T1 routine T2)…, T3`. With
//! `--profile-time` criterion calls the benchmark with 1, 2, 4 … iterations until
//! its warm-up is over, and then once more. The preloaded clock jumps inside the
//! second call, so that the calls are always 1, 2 and 1 iterations:
//!
//! * call 1 is the **cold** iteration: lazy statics, first-touch allocation;
//! * calls 2 and 3 hold the three **warm** iterations that are judged.
//!
//! A call of n iterations costs n·w + k, where k is the harness's own share
//! between two readings (about a hundred instructions). `2·C₃ − C₂` is k exactly
//! when the cost is linear; where the routine's cost drifts from one iteration to
//! the next (a heap that ages) it is not, so k is kept within what a harness can
//! cost, and w = (C₂ + C₃ − 2k)/3 stays continuous either way.

use crate::model::Extent;

/// The most that a harness can cost between the readings around its loop, in instructions.
const HARNESS_BETWEEN_READINGS: f64 = 200.0;
/// The same from the first reading of a call to its last.
const HARNESS_WHOLE_CALL: f64 = 1000.0;

/// Which method of criterion's `Bencher` a call went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `iter`, also of an asynchronous bencher: one loop between two readings.
    Iter,
    /// `iter_batched`, `iter_batched_ref` and what is built on them: set-up in between.
    Batched,
    /// `iter_custom`: the benchmark itself reads the clock around what it measures.
    Custom,
}

/// Whose `Bencher` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harness {
    /// criterion's own, or a fork that times as it does.
    Criterion,
    /// CodSpeed's fork, which reads the clock once more before and after what criterion times.
    CodSpeed,
}

/// What stands at a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A reading of the monotonic clock.
    Clock,
    /// Entry of a `Bencher` method.
    Enter(Method),
    /// Return from a `Bencher` method.
    Leave(Method, Harness),
    /// The process ended.
    Exit,
}

/// A mark, with what was counted since the mark before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where the program was.
    pub place: Place,
    /// Cost since the previous mark.
    pub cost: u64,
}

/// One iteration's cost, cold and warm.
#[derive(Clone, Debug, PartialEq)]
pub struct PerIteration {
    /// A warm iteration: the mean of the three after the first.
    pub warm: f64,
    /// The very first iteration.
    pub cold: f64,
    /// The marks whose costs make up the last warm iteration (plus the harness's k).
    pub profile_marks: Vec<usize>,
    /// Of how much of the program it is, where that is not the routine that was to be counted.
    pub extent: Option<Extent>,
    /// What a reader should know.
    pub note: Option<&'static str>,
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The clock jumped at the wrong reading; run again with a jump at this one.
    JumpAt(u64),
    /// The benchmark never called its `Bencher`.
    NeverRan,
    /// The readings fit no way in which criterion measures.
    Unclear(String),
}

/// One call of a `Bencher` method.
#[derive(Debug, Default)]
struct Call {
    method: Option<Method>,
    /// Index of the mark of each reading of the clock.
    readings: Vec<usize>,
}

/// Reads the cost of one iteration off the marks of a run with calls of 1, 2 and 1 iterations.
///
/// # Errors
/// [`Trouble`], which may ask for another run.
pub fn per_iteration(marks: &[Mark]) -> Result<PerIteration, Trouble> {
    let calls = calls(marks)?;
    if calls.is_empty() {
        return Err(Trouble::NeverRan);
    }
    if calls.len() != 3 {
        return Err(jump_for_second_call(marks, &calls));
    }
    // Readings in the benchmark's own set-up are the same in number in each call;
    // readings inside the routine grow with the iterations.
    let first = calls[0].readings.len();
    let clean = first == 4 && calls[2].readings.len() == 4;
    let region = match calls[0].method.unwrap_or(Method::Iter) {
        Method::Iter if clean && calls[1].readings.len() == 4 => Region::Between,
        Method::Batched | Method::Custom if clean && calls[1].readings.len().is_multiple_of(2) => {
            Region::Between
        }
        Method::Iter => Region::Whole {
            skip: set_up_readings(&calls),
        },
        Method::Batched | Method::Custom => Region::Whole { skip: 0 },
    };
    let marked: Vec<Vec<usize>> = calls.iter().map(|c| region.marks(c)).collect();
    let cost = |k: usize| -> f64 { marked[k].iter().map(|&i| marks[i].cost as f64).sum() };
    let (c1, c2, c3) = (cost(0), cost(1), cost(2));
    let harness = (2.0 * c3 - c2).clamp(0.0, region.harness());
    Ok(PerIteration {
        warm: ((c2 + c3 - 2.0 * harness) / 3.0).max(0.0),
        cold: (c1 - harness).max(0.0),
        extent: None,
        note: region.note(calls[0].method),
        profile_marks: marked.into_iter().nth(2).unwrap_or_default(),
    })
}

/// Leaves out everything after the third call, where other benchmarks of the same name follow.
pub fn keep_first(marks: &mut Vec<Mark>) {
    let (mut calls, mut readings) = (0, 0);
    let end = marks.iter().position(|m| {
        match m.place {
            Place::Clock => readings += 1,
            Place::Leave(..) if readings >= 2 => (calls, readings) = (calls + 1, 0),
            _ => {}
        }
        calls == 3
    });
    if let Some(end) = end {
        marks.truncate(end + 1);
    }
}

/// Which part of a call is the measured region.
#[derive(Clone, Copy)]
enum Region {
    /// Between each second pair of readings: `T1 routine T2`.
    Between,
    /// From the first reading after `skip` to the last: the routine reads the clock itself.
    Whole { skip: usize },
}

impl Region {
    /// The marks whose costs lie in the region.
    fn marks(self, call: &Call) -> Vec<usize> {
        match self {
            Self::Between => {
                let inner = call.readings.len().saturating_sub(1);
                (2..inner).step_by(2).map(|i| call.readings[i]).collect()
            }
            // Costs belong to the mark that ends them, so the first reading's is left out;
            // marks that are no readings cannot stand between two readings of one call.
            Self::Whole { skip } => call.readings.iter().skip(skip + 1).copied().collect(),
        }
    }

    const fn harness(self) -> f64 {
        match self {
            Self::Between => HARNESS_BETWEEN_READINGS,
            Self::Whole { .. } => HARNESS_WHOLE_CALL,
        }
    }

    fn note(self, method: Option<Method>) -> Option<&'static str> {
        match (self, method) {
            (Self::Whole { .. }, Some(Method::Batched)) => {
                Some("the routine reads the clock itself: its set-up is counted with it")
            }
            (Self::Whole { .. }, Some(Method::Custom)) => {
                Some("iter_custom without one pair of clock readings: the whole call is counted")
            }
            _ => None,
        }
    }
}

/// Readings before `T0`: with r readings an iteration and u in the set-up, calls of 1 and 2
/// iterations have 4 + u + r and 4 + u + 2r.
fn set_up_readings(calls: &[Call]) -> usize {
    let (one, two) = (calls[0].readings.len(), calls[1].readings.len());
    let routine = two.saturating_sub(one);
    one.saturating_sub(4 + routine)
}

/// Groups the readings into calls: by the methods' entries and returns where the binary has
/// those symbols, else by their number.
fn calls(marks: &[Mark]) -> Result<Vec<Call>, Trouble> {
    if marks.iter().any(|m| matches!(m.place, Place::Leave(..))) {
        return Ok(calls_by_symbol(marks));
    }
    let readings: Vec<usize> = marks
        .iter()
        .enumerate()
        .filter(|(_, m)| m.place == Place::Clock)
        .map(|(i, _)| i)
        .collect();
    calls_by_number(&readings)
}

fn calls_by_symbol(marks: &[Mark]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open = Call::default();
    let mut entered = false;
    for (i, mark) in marks.iter().enumerate() {
        match mark.place {
            Place::Clock => open.readings.push(i),
            // Entries of tail-called methods are not always seen; returns are.
            Place::Enter(_) => {
                entered = true;
                open.readings.clear();
            }
            Place::Leave(method, harness) => {
                let mut call = std::mem::take(&mut open);
                if harness == Harness::CodSpeed {
                    leave_out_brackets(&mut call.readings, method, entered);
                }
                entered = false;
                // A method built on another one returns right after it: no readings of its own.
                if call.readings.len() >= 2 {
                    calls.push(Call {
                        method: Some(method),
                        ..call
                    });
                }
            }
            Place::Exit => {}
        }
    }
    calls
}

/// Leaves out the readings that CodSpeed's fork adds: around a whole call, or around each batch.
fn leave_out_brackets(readings: &mut Vec<usize>, method: Method, entered: bool) {
    if method == Method::Batched {
        // T0 (Tb T1 routine T2 Te)… T3, unless the routine reads the clock too.
        let n = readings.len();
        if n >= 6 && (n - 2).is_multiple_of(4) {
            let mut i = 0;
            readings.retain(|_| {
                let is_bracket = i > 0 && i < n - 1 && matches!((i - 1) % 4, 0 | 3);
                i += 1;
                !is_bracket
            });
        }
        return;
    }
    readings.pop();
    // Where the entry was not seen, the reading before T0 passes for one of the set-up.
    if entered && !readings.is_empty() {
        readings.remove(0);
    }
}

/// Calls of 1, 2 and 1 iterations read the clock 4 + 4 + 4 times, or 4 + 6 + 4 when a second
/// iteration is a second batch.
fn calls_by_number(readings: &[usize]) -> Result<Vec<Call>, Trouble> {
    let (lengths, method): (&[usize], Method) = match readings.len() {
        0 => return Ok(Vec::new()),
        12 => (&[4, 4, 4], Method::Iter),
        14 => (&[4, 6, 4], Method::Batched),
        n => {
            return Err(Trouble::Unclear(format!(
                "the clock was read {n} times where 12 or 14 readings were expected, and the \
                 benchmark has no symbols to tell its calls apart"
            )));
        }
    };
    let mut rest = readings;
    Ok(lengths
        .iter()
        .map(|&n| {
            let (call, tail) = rest.split_at(n);
            rest = tail;
            Call {
                method: Some(method),
                readings: call.to_vec(),
            }
        })
        .collect())
}

/// The reading at which the clock must jump to end the warm-up in the second call: the one
/// after its `T0`.
fn jump_for_second_call(marks: &[Mark], calls: &[Call]) -> Trouble {
    let end_of_first = calls[0].readings.last().copied().unwrap_or(0);
    let before = marks[..=end_of_first]
        .iter()
        .filter(|m| m.place == Place::Clock)
        .count();
    let start_of_first = calls[0].readings.first().copied().unwrap_or(0);
    let preamble = marks[..start_of_first]
        .iter()
        .filter(|m| m.place == Place::Clock)
        .count();
    // The benchmark's own readings before each call come again before the second.
    let per_call = if calls.len() > 1 { 0 } else { preamble };
    Trouble::JumpAt((before + per_call + 2) as u64)
}

/// Slopes of a native run, whose calls doubled from 1 iteration on until time was up.
///
/// `counts` are the counter's values at each reading, four readings a call. The slopes
/// between successive calls are independent samples of the cost of one iteration; the
/// last, longest ones are the most exact.
///
/// # Errors
/// [`Trouble::Unclear`] when the readings are not four a call, or too few.
pub fn doubling_slopes(counts: &[u64]) -> Result<Vec<f64>, Trouble> {
    const LEAST_CALLS: usize = 4;
    const KEPT: usize = 5;
    if !counts.len().is_multiple_of(4) || counts.len() < 4 * LEAST_CALLS {
        return Err(Trouble::Unclear(format!(
            "the clock was read {} times, which is not four times in each of at least \
             {LEAST_CALLS} calls: set-up between readings, or a routine that reads the clock; \
             count it with `callgrind`",
            counts.len()
        )));
    }
    let costs: Vec<f64> = counts
        .chunks_exact(4)
        .map(|c| c[2].saturating_sub(c[1]) as f64)
        .collect();
    let slopes: Vec<f64> = costs
        .windows(2)
        .enumerate()
        .map(|(i, pair)| (pair[1] - pair[0]) / 2f64.powi(i32::try_from(i).unwrap_or(0)))
        .collect();
    Ok(slopes[slopes.len().saturating_sub(KEPT)..].to_vec())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const K: u64 = 114;

    fn clock(cost: u64) -> Mark {
        Mark {
            place: Place::Clock,
            cost,
        }
    }

    fn leave(m: Method) -> Mark {
        Mark {
            place: Place::Leave(m, Harness::Criterion),
            cost: 80,
        }
    }

    fn iter_call(cost: u64) -> Vec<Mark> {
        vec![
            clock(700),
            clock(96),
            clock(cost),
            clock(157),
            leave(Method::Iter),
        ]
    }

    fn batched_call(costs: &[u64]) -> Vec<Mark> {
        let mut v = vec![clock(700)];
        for c in costs {
            v.extend([clock(5000), clock(*c)]);
        }
        v.extend([clock(400), leave(Method::Batched)]);
        v
    }

    #[test]
    fn a_linear_routine_is_counted_exactly() {
        for w in [0u64, 1, 90, 10_000_000] {
            let marks = [iter_call(w + 7 + K), iter_call(2 * w + K), iter_call(w + K)].concat();
            let p = per_iteration(&marks).unwrap();
            assert_eq!((p.warm, p.cold), (w as f64, (w + 7) as f64));
            assert_eq!(p.profile_marks, [12]);
        }
    }

    #[test]
    fn one_instruction_more_shows_as_one() {
        let run = |w: u64, drift: u64| {
            per_iteration(&[iter_call(w), iter_call(2 * w + drift), iter_call(w)].concat())
                .unwrap()
                .warm
        };
        // Also where the cost drifts and k cannot be told from it.
        for drift in [0, 60, 5000] {
            assert!((run(1001, drift) - run(1000, drift) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_brackets_of_codspeed_are_no_readings_of_the_routine() {
        let leave = |method| Mark {
            place: Place::Leave(method, Harness::CodSpeed),
            cost: 80,
        };
        let enter = Mark {
            place: Place::Enter(Method::Iter),
            cost: 10,
        };
        let iter = |cost: u64, seen: bool| {
            let mut v = vec![
                clock(5),
                clock(96),
                clock(90),
                clock(cost),
                clock(157),
                clock(60),
            ];
            if seen {
                v.insert(0, enter);
            }
            v.push(leave(Method::Iter));
            v
        };
        for seen in [true, false] {
            let calls = [
                iter(907 + K, seen),
                iter(1800 + K, seen),
                iter(900 + K, seen),
            ];
            let p = per_iteration(&calls.concat()).unwrap();
            assert_eq!((p.warm, p.cold), (900.0, 907.0), "{seen}");
        }
        let batched = |n: usize| {
            let mut v = vec![clock(700)];
            for _ in 0..n {
                v.extend([clock(5000), clock(60), clock(300), clock(70)]);
            }
            v.extend([clock(400), leave(Method::Batched)]);
            v
        };
        let p = per_iteration(&[batched(1), batched(2), batched(1)].concat()).unwrap();
        assert_eq!((p.warm, p.note), (300.0, None));
    }

    #[test]
    fn set_up_of_batches_is_left_out() {
        let marks = [
            batched_call(&[310]),
            batched_call(&[300, 300]),
            batched_call(&[300]),
        ]
        .concat();
        let p = per_iteration(&marks).unwrap();
        assert_eq!((p.warm, p.cold, p.note), (300.0, 310.0, None));
    }

    #[test]
    fn a_routine_that_reads_the_clock_is_counted_whole() {
        // Two readings of its own an iteration, one in the set-up of each call.
        let call = |n: usize| {
            let mut v = vec![clock(9), clock(700), clock(96)];
            for _ in 0..n {
                v.extend([clock(40), clock(60)]);
            }
            v.extend([clock(30), clock(157), leave(Method::Iter)]);
            v
        };
        let p = per_iteration(&[call(1), call(2), call(1)].concat()).unwrap();
        assert_eq!(p.warm, 100.0);
    }

    #[test]
    fn a_jump_at_the_wrong_reading_asks_for_the_right_one() {
        // The jump fell into the first call: only calls of 1 and 1 iterations were made.
        let marks = [iter_call(100), iter_call(100)].concat();
        assert_eq!(per_iteration(&marks), Err(Trouble::JumpAt(6)));
        // Two readings before everything else move it.
        let marks = [vec![clock(1), clock(1)], iter_call(100), iter_call(100)].concat();
        assert_eq!(per_iteration(&marks), Err(Trouble::JumpAt(8)));
    }

    #[test]
    fn what_follows_under_the_same_name_is_left_out() {
        let mut marks = [
            iter_call(5),
            iter_call(10),
            iter_call(5),
            iter_call(7),
            iter_call(14),
        ]
        .concat();
        keep_first(&mut marks);
        assert_eq!(per_iteration(&marks).unwrap().warm, 5.0);
    }

    #[test]
    fn without_symbols_the_number_of_readings_tells_the_calls() {
        let strip = |v: Vec<Mark>| -> Vec<Mark> {
            v.into_iter().filter(|m| m.place == Place::Clock).collect()
        };
        let p =
            per_iteration(&strip([iter_call(5), iter_call(10), iter_call(5)].concat())).unwrap();
        assert_eq!(p.warm, 5.0);
        let b = [
            batched_call(&[5]),
            batched_call(&[5, 5]),
            batched_call(&[5]),
        ]
        .concat();
        assert_eq!(per_iteration(&strip(b)).unwrap().warm, 5.0);
        assert!(matches!(
            per_iteration(&vec![clock(1); 13]),
            Err(Trouble::Unclear(_))
        ));
        assert_eq!(per_iteration(&[]), Err(Trouble::NeverRan));
    }

    #[test]
    fn native_slopes_cancel_the_harness() {
        let mut at = 0;
        let mut counts = Vec::new();
        for k in 0..8u32 {
            for step in [500, 90, (1 << k) * 1234 + 77, 150] {
                at += step;
                counts.push(at);
            }
        }
        assert_eq!(doubling_slopes(&counts).unwrap(), vec![1234.0; 5]);
        assert!(doubling_slopes(&counts[..7]).is_err());
        assert!(doubling_slopes(&[]).is_err());
    }
}
