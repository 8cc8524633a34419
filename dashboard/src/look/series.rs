//! What is seen of a series, as its address says it.

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Across {
    /// Commits of the main line: each is as far from the next.
    #[default]
    Commit,
    /// Days: when they were written.
    Date,
}

impl Across {
    pub(crate) const ALL: [(Self, &'static str); 2] =
        [(Self::Commit, "commit"), (Self::Date, "date")];
}

/// Where the vertical axis begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Upward {
    /// Just below what is seen.
    #[default]
    Fitted,
    /// At 0.
    Zero,
}

impl Upward {
    pub(crate) const ALL: [(Self, &'static str); 2] =
        [(Self::Fitted, "fitted"), (Self::Zero, "zero")];
}

/// What is seen of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeriesLook {
    /// The first position and the last.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) x: Across,
    pub(crate) y: Upward,
}

impl Default for SeriesLook {
    fn default() -> Self {
        Self {
            from: 0,
            to: u64::MAX,
            x: Across::default(),
            y: Upward::default(),
        }
    }
}

impl SeriesLook {
    /// Whether only a stretch is seen.
    pub(crate) fn is_zoomed(&self) -> bool {
        (self.from, self.to) != (0, u64::MAX)
    }

    /// Another stretch, on the same axes.
    pub(crate) fn over(self, from: u64, to: u64) -> Self {
        Self { from, to, ..self }
    }

    /// What stands behind the path of an address.
    pub(crate) fn query(&self) -> String {
        let word = |given: bool, text: String| given.then_some(text);
        let parts = [
            word(self.from != 0, format!("from={}", self.from)),
            word(self.to != u64::MAX, format!("to={}", self.to)),
            word(self.x == Across::Date, "x=date".into()),
            word(self.y == Upward::Zero, "y=zero".into()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.len() {
            0 => String::new(),
            _ => format!("?{}", parts.join("&")),
        }
    }

    /// Stretches beside this one, where the series goes from `first` to `last` and `(a, b)` is
    /// drawn: earlier, later, half as long, twice as long.
    pub(crate) fn beside(
        self,
        (first, last): (u64, u64),
        (a, b): (u64, u64),
    ) -> Vec<(&'static str, Self)> {
        let length = b.saturating_sub(a);
        let half = length.div_ceil(2);
        let mut out = Vec::new();
        if a > first {
            let from = a.saturating_sub(half).max(first);
            out.push(("← earlier", self.over(from, from + length)));
        }
        if b < last {
            let to = b.saturating_add(half).min(last);
            out.push(("later →", self.over(to - length, to)));
        }
        if length >= LEAST {
            out.push(("closer", self.over(a + length / 4, b - length / 4)));
        }
        if self.is_zoomed() {
            let (from, to) = (a.saturating_sub(half), b.saturating_add(half));
            let wider = if from <= first && to >= last {
                self.over(0, u64::MAX)
            } else {
                self.over(from.max(first), to.min(last))
            };
            out.push(("wider", wider));
        }
        out
    }
}

/// A shorter stretch is not halved.
const LEAST: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_beside_one_stay_within_the_series() {
        let look = SeriesLook::default().over(40, 60);
        let beside = look.beside((10, 65), (40, 60));
        let spans: Vec<_> = beside.iter().map(|(w, l)| (*w, l.from, l.to)).collect();
        assert_eq!(
            spans,
            [
                ("← earlier", 30, 50),
                ("later →", 45, 65),
                ("closer", 45, 55),
                ("wider", 30, 65)
            ]
        );
        let whole = SeriesLook::default().beside((10, 65), (10, 65));
        assert_eq!(whole.len(), 1, "closer alone: {whole:?}");
        let near = look.over(12, 60).beside((10, 65), (12, 60));
        assert!(near.iter().any(|(w, l)| *w == "wider" && !l.is_zoomed()));
        assert_eq!(near[0].1.from, 10);
    }

    #[test]
    fn a_look_is_an_address_and_the_usual_one_is_none() {
        assert_eq!(SeriesLook::default().query(), "");
        let look = SeriesLook {
            x: Across::Date,
            y: Upward::Zero,
            ..SeriesLook::default().over(3, 9)
        };
        assert_eq!(look.query(), "?from=3&to=9&x=date&y=zero");
    }
}
