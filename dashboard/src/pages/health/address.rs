//! The address of a list: whatever chooses, orders and groups lives in it.

use crate::query::{Health, Order, State, encode};

pub(super) fn address(asked: &Health) -> String {
    let parts: Vec<String> = parameters(asked)
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    match parts.as_slice() {
        [] => "/health".into(),
        parts => format!("/health?{}", parts.join("&")),
    }
}

/// The parameters that say what is not so by itself.
pub(super) fn parameters(asked: &Health) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if asked.state != State::All {
        parts.push(("state", asked.state.word().to_string()));
    }
    if let Some(m) = &asked.metric {
        parts.push(("metric", m.clone()));
    }
    if !asked.text.is_empty() {
        parts.push(("q", asked.text.clone()));
    }
    if asked.order != Order::State {
        parts.push(("order", asked.order.word().to_string()));
    }
    if asked.turned {
        parts.push(("turned", "yes".into()));
    }
    if let Some(grouped) = asked.grouped {
        parts.push(("group", grouped.word().into()));
    }
    if asked.page > 1 {
        parts.push(("page", asked.page.to_string()));
    }
    parts
}
