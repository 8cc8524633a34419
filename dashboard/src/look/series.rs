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

/// What the vertical axis counts, and where it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Upward {
    /// Just below what is seen; relative where several series are too far apart for one scale.
    #[default]
    Usual,
    /// Just below what is seen.
    Fitted,
    /// At 0.
    Zero,
    /// Each series as a share of where it begins.
    Relative,
}

impl Upward {
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Usual, "usual"),
        (Self::Fitted, "fitted"),
        (Self::Zero, "zero"),
        (Self::Relative, "relative"),
    ];

    /// What an address says of it; nothing of the usual one.
    fn word(self) -> Option<&'static str> {
        let found = Self::ALL.iter().find(|(y, _)| *y == self);
        found.map(|(_, word)| *word).filter(|_| self != Self::Usual)
    }
}

/// Series that are drawn beside the one whose page it is: more lines are told apart by nobody.
pub(crate) const BESIDE: usize = 5;

/// Other series in the same chart, by the numbers in their addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Others([Option<u64>; BESIDE]);

impl Others {
    /// These, each once; `None` where there are too many.
    pub(crate) fn of(ids: &[u64]) -> Option<Self> {
        let mut out = Self::default();
        ids.iter().all(|id| out.add(*id)).then_some(out)
    }

    /// Adds one more; gives whether there was room, or it was there.
    fn add(&mut self, id: u64) -> bool {
        let place = self.0.iter_mut().find(|p| p.is_none_or(|is| is == id));
        place.map(|p| *p = Some(id)).is_some()
    }

    /// Without one of them.
    pub(crate) fn without(self, id: &str) -> Self {
        let others: Vec<u64> = self.0.into_iter().flatten().collect();
        let others: Vec<u64> = others.into_iter().filter(|o| spelled(*o) != id).collect();
        Self::of(&others).unwrap_or_default()
    }

    /// Their addresses, in order.
    pub(crate) fn ids(self) -> impl Iterator<Item = String> {
        self.0.into_iter().flatten().map(spelled)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0[0].is_none()
    }

    /// Whether there is no room for one more.
    pub(crate) fn is_full(self) -> bool {
        self.0[BESIDE - 1].is_some()
    }
}

/// A series as addresses spell it.
fn spelled(id: u64) -> String {
    format!("{id:016x}")
}

/// What is seen of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeriesLook {
    /// The first position and the last.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) x: Across,
    pub(crate) y: Upward,
    /// What else is in the chart.
    pub(crate) with: Others,
}

impl Default for SeriesLook {
    fn default() -> Self {
        Self {
            from: 0,
            to: u64::MAX,
            x: Across::default(),
            y: Upward::default(),
            with: Others::default(),
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

    /// What it asks for beyond the usual, as the parameters that say so.
    pub(crate) fn parts(&self) -> Vec<(&'static str, String)> {
        let word = |given: bool, text: String| given.then_some(text);
        let parts = [
            ("from", word(self.from != 0, self.from.to_string())),
            ("to", word(self.to != u64::MAX, self.to.to_string())),
            ("x", word(self.x == Across::Date, "date".into())),
            ("y", self.y.word().map(Into::into)),
            ("with", word(!self.with.is_empty(), self.with())),
        ];
        let given = parts.into_iter().filter_map(|(k, v)| Some((k, v?)));
        given.collect()
    }

    /// What stands behind the path of an address.
    pub(crate) fn query(&self) -> String {
        let parts = self.parts().into_iter();
        let parts: Vec<String> = parts.map(|(k, v)| format!("{k}={v}")).collect();
        match parts.len() {
            0 => String::new(),
            _ => format!("?{}", parts.join("&")),
        }
    }

    /// The other series as an address names them.
    fn with(&self) -> String {
        let ids: Vec<String> = self.with.ids().collect();
        ids.join(",")
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
        let with = Others::of(&[0xab, 7, 0xab]).unwrap_or_default();
        let look = SeriesLook {
            with,
            y: Upward::Relative,
            ..SeriesLook::default()
        };
        let (a, b) = ("00000000000000ab", "0000000000000007");
        assert_eq!(look.query(), format!("?y=relative&with={a},{b}"));
        assert_eq!(with.without(a).ids().collect::<Vec<_>>(), [b]);
        assert!(with.without(a).without(b).is_empty() && !with.is_full());
        assert!(Others::of(&[1, 2, 3, 4, 5]).is_some_and(Others::is_full));
        assert_eq!(Others::of(&[1, 2, 3, 4, 5, 6]), None);
    }
}
