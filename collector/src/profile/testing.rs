//! Profiles for tests, written as folded stacks.

use std::collections::HashMap;
use std::path::Path;

use super::symbols::Symbols;
use super::{Frame, LineCost, Node, Profile};

/// The golden profile `base` or `head`, its second part: one warm iteration. No debug information is at hand.
pub(super) fn golden(side: &str) -> Profile {
    let data: &[u8] = match side {
        "base" => include_bytes!("golden/base.callgrind"),
        _ => include_bytes!("golden/head.callgrind"),
    };
    Profile::read(data, &[1], &mut Symbols::new(Path::new("/repo"))).unwrap()
}

/// `[("main@src/m.rs:3;~fold@library/f.rs;memcmp", 12), …]`: a `~` marks inlined code, files under `src/` are the
/// repository's, and a line after the file is where this stack's cost is, or calls on.
pub(super) fn profile(stacks: &[(&str, u64)]) -> Profile {
    let mut out = Profile::default();
    let mut known = HashMap::new();
    let mut lines: HashMap<(String, u32, u32), u64> = HashMap::new();
    for &(stack, cost) in stacks {
        let (mut parent, mut site, mut place) = (None, 0, None);
        for text in stack.split(';') {
            let (frame, line, inlined) = parse(text);
            let in_repo = frame.in_repo;
            let file = frame.file.clone();
            let at = out
                .frames
                .iter()
                .position(|f| f.name == frame.name && f.file == frame.file);
            let index = at.unwrap_or_else(|| {
                out.frames.push(frame);
                out.frames.len() - 1
            }) as u32;
            let next = out.nodes.len() as u32;
            let node = *known.entry((parent, index, inlined)).or_insert(next);
            if node == next {
                out.nodes.push(Node {
                    parent,
                    frame: index,
                    inlined,
                    site,
                    cost: 0,
                });
            }
            if in_repo {
                place = Some((file, line, index));
            }
            (parent, site) = (Some(node), line);
        }
        out.nodes[parent.unwrap() as usize].cost += cost;
        out.total += cost;
        if let Some(place) = place {
            *lines.entry(place).or_default() += cost;
        }
    }
    out.lines = lines
        .into_iter()
        .map(|((file, line, frame), cost)| LineCost {
            file,
            line,
            frame,
            cost,
        })
        .collect();
    out.in_order()
}

fn parse(text: &str) -> (Frame, u32, bool) {
    let (text, inlined) = text.strip_prefix('~').map_or((text, false), |t| (t, true));
    let (name, place) = text.split_once('@').unwrap_or((text, ""));
    let (file, line) = place.split_once(':').unwrap_or((place, "0"));
    let line = line.parse().unwrap();
    let frame = Frame {
        name: name.to_owned(),
        file: file.to_owned(),
        line,
        in_repo: file.starts_with("src/"),
        calls: (!inlined).then_some(1),
    };
    (frame, line, inlined)
}

/// Any small profile.
pub(super) fn any_profile() -> impl proptest::strategy::Strategy<Value = Profile> {
    use proptest::prelude::*;
    let frame = prop::sample::select(vec![
        "a::main@src/m.rs:1",
        "a::work@src/w.rs:5",
        "a::work@src/w.rs:6",
        "~a::get@src/w.rs:9",
        "~core::fold@library/f.rs:2",
        "memcmp@string.c",
        "get@one.c",
        "get@two.c",
        "<script>\u{1b}",
        "[u8; 4]",
    ]);
    let stack = prop::collection::vec(frame, 1..8).prop_map(|s| s.join(";"));
    prop::collection::vec((stack, 1..10_000u64), 1..20).prop_map(|stacks| {
        let stacks: Vec<(&str, u64)> = stacks.iter().map(|(s, c)| (s.as_str(), *c)).collect();
        profile(&stacks)
    })
}
