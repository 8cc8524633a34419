//! How a flame graph is looked at, as its address says it.

use collector::report::links::encode;

/// Which way the tree grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// Callees under their callers.
    #[default]
    Callees,
    /// Callers under each function's own cost.
    Inverted,
}

impl Shape {
    pub(crate) const ALL: [(Self, &'static str); 2] =
        [(Self::Callees, "callees"), (Self::Inverted, "inverted")];
}

/// What is seen of a flame graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Look {
    pub(crate) shape: Shape,
    /// The function whose callers and callees are seen instead; empty: the whole graph.
    pub(crate) of: String,
    /// The frame at full width.
    pub(crate) focus: usize,
    /// What is searched for.
    pub(crate) search: String,
}

impl Look {
    /// With another frame at full width.
    pub(crate) fn at(&self, focus: usize) -> Self {
        Self {
            focus,
            ..self.clone()
        }
    }

    /// Another shape of the whole; the search stays.
    pub(crate) fn shaped(&self, shape: Shape) -> Self {
        Self {
            shape,
            search: self.search.clone(),
            ..Self::default()
        }
    }

    /// The callers and callees of a function; the search stays.
    pub(crate) fn around(&self, function: &str) -> Self {
        Self {
            of: function.into(),
            search: self.search.clone(),
            ..Self::default()
        }
    }

    /// The parameters of its address; none of the whole graph.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let shape = Shape::ALL.iter().find(|(s, _)| *s == self.shape);
        let is_plain = self.shape == Shape::default();
        let pairs = [
            (
                "view",
                shape.filter(|_| !is_plain).map(|(_, w)| (*w).to_string()),
            ),
            ("of", some(&self.of)),
            ("focus", (self.focus != 0).then(|| self.focus.to_string())),
            ("q", some(&self.search)),
        ];
        let given = pairs.into_iter().filter_map(|(name, v)| Some((name, v?)));
        given.collect()
    }

    /// What stands behind the path of an address.
    pub(crate) fn query(&self) -> String {
        let mut out = String::new();
        for (name, value) in self.pairs() {
            let sign = if out.is_empty() { '?' } else { '&' };
            out.push_str(&format!("{sign}{name}={}", encode(&value)));
        }
        out
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.into())
}
