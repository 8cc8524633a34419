use collector::profile::{Node, Profile};

use super::draw::FRAMES;
use super::tree::MOST;
use super::{Picture, Tree};
use crate::look::{Look, Shape};

fn profile(stacks: &[(&[&str], u64)]) -> Profile {
    let mut p = Profile::default();
    for (stack, cost) in stacks {
        let mut parent = None;
        for name in *stack {
            let frame = p.frames.len() as u32;
            p.frames.push(collector::profile::Frame {
                name: (*name).into(),
                ..Default::default()
            });
            p.nodes.push(Node {
                parent,
                frame,
                inlined: false,
                site: 0,
                cost: 0,
            });
            parent = Some(p.nodes.len() as u32 - 1);
        }
        p.nodes.last_mut().unwrap().cost = *cost;
        p.total += cost;
    }
    p
}

fn svg(base: &Profile, head: &Profile, look: &Look) -> String {
    let whole = Tree::of(base, head);
    Picture::of((base, head), &whole, look).svg("/x")
}

/// Class, rectangle and label of each frame, in order.
fn frames(svg: &str) -> Vec<(String, [String; 4], Option<String>)> {
    let doc = roxmltree::Document::parse(svg).unwrap();
    let inner = |e: roxmltree::Node<'_, '_>, tag: &str| {
        let found = e.children().find(|c| c.has_tag_name(tag));
        found.map(|f| f.text().unwrap_or("").to_string())
    };
    let drawn = doc.descendants().filter(|e| {
        let name = e.tag_name().name();
        (name == "a" || name == "g") && inner(*e, "rect").is_some()
    });
    let one = |e: roxmltree::Node<'_, '_>| {
        let rect = e.children().find(|c| c.has_tag_name("rect")).unwrap();
        let number = |n: &str| rect.attribute(n).unwrap().to_string();
        (
            e.attribute("class").unwrap().to_string(),
            ["x", "y", "width", "height"].map(number),
            inner(e, "text"),
        )
    };
    drawn.map(one).collect()
}

fn labels(svg: &str) -> Vec<String> {
    frames(svg).into_iter().filter_map(|f| f.2).collect()
}

fn two() -> (Profile, Profile) {
    (
        profile(&[(&["main", "old"], 40), (&["main", "same"], 60)]),
        profile(&[(&["main", "new"], 50), (&["main", "same"], 60)]),
    )
}

#[test]
fn both_sides_are_in_one_tree_and_what_only_one_has_is_named() {
    let (base, head) = two();
    let drawn = frames(&svg(&base, &head, &Look::default()));
    let of = |class: &str| drawn.iter().find(|f| f.0 == class).unwrap().2.as_deref();
    assert_eq!(of("added"), Some("▲ new"));
    assert_eq!(of("removed"), Some("▼ old"));
}

/// At full width a frame has room for its whole name, and so have those under it.
#[test]
fn labels_are_fitted_anew_to_what_is_at_full_width() {
    let long = "lexis::lex::Lexer::<lexis::lex::Utf8, 64>::next_number_or_string_or_identifier";
    let gone = "lexis::gone::Window::<u8>::peek_at_what_comes_next_without_taking_it";
    let base = profile(&[(&["main", "rest"], 940), (&["main", long, gone], 30)]);
    let head = profile(&[(&["main", "rest"], 940), (&["main", long], 60)]);
    let all = svg(&base, &head, &Look::default());
    assert!(!all.contains(&format!(">{long}</text>")), "{all}");
    let frame = Tree::of(&base, &head).widest()[long];
    let zoomed = svg(&base, &head, &Look::default().at(frame));
    let seen = labels(&zoomed);
    assert!(seen.iter().any(|l| l.ends_with(long)), "{seen:?}");
    assert!(seen.contains(&format!("▼ {gone}")), "{seen:?}");
    // The way back stands above, at full width.
    let above: Vec<_> = frames(&zoomed)
        .into_iter()
        .filter(|f| f.0.contains("above"))
        .collect();
    assert_eq!(above.len(), 2);
    assert!(above.iter().all(|f| f.1[2] == "1199.4"), "{above:?}");
}

#[test]
fn what_only_one_side_has_is_listed_within_what_is_at_full_width() {
    let base = profile(&[(&["main", "a", "old", "older"], 5), (&["main", "b"], 20)]);
    let head = profile(&[(&["main", "a"], 9), (&["main", "b", "new"], 30)]);
    let whole = Tree::of(&base, &head);
    let named = |look: &Look| {
        let picture = Picture::of((&base, &head), &whole, look);
        let all = picture.one_sided().into_iter();
        all.map(|(_, name, added)| (name.to_string(), added))
            .collect::<Vec<_>>()
    };
    let (old, new) = (("old".to_string(), false), ("new".to_string(), true));
    assert_eq!(named(&Look::default()), [new, old.clone()]);
    let a = Tree::of(&base, &head).widest()["a"];
    assert_eq!(named(&Look::default().at(a)), [old]);
}

#[test]
fn a_picture_alone_shows_what_the_page_shows() {
    let (base, head) = two();
    let whole = Tree::of(&base, &head);
    for look in [
        Look::default(),
        Look::default().at(2),
        Look::default().shaped(Shape::Inverted),
        Look::default().around("same"),
        Look {
            search: "old".into(),
            ..Look::default()
        },
    ] {
        let picture = Picture::of((&base, &head), &whole, &look);
        let page = frames(&picture.svg("/x"));
        let alone = frames(&picture.alone("a: 1 → 2", "words"));
        let top: f64 = alone[0].1[1].parse::<f64>().unwrap() - page[0].1[1].parse::<f64>().unwrap();
        let lower = |f: &(String, [String; 4], Option<String>)| {
            let y: f64 = f.1[1].parse().unwrap();
            let [x, _, w, h] = f.1.clone();
            (f.0.clone(), [x, (y + top).to_string(), w, h], f.2.clone())
        };
        assert_eq!(
            page.iter().map(lower).collect::<Vec<_>>(),
            alone,
            "{look:?}"
        );
    }
}

#[test]
fn a_search_says_the_share_of_the_cost_on_both_sides() {
    let base = profile(&[
        (&["main", "lex", "lex::inner"], 30),
        (&["main", "rest"], 70),
    ]);
    let head = profile(&[
        (&["main", "LEX", "lex::inner"], 60),
        (&["main", "rest"], 60),
    ]);
    let found = Tree::of(&base, &head).search("Lex");
    assert_eq!(found.functions, 3);
    assert_eq!(found.shares, (Some(0.3), Some(0.5)));
    assert_eq!(Tree::of(&base, &head).search("all").functions, 0);
    assert_eq!(Tree::of(&base, &head).search(" ").functions, 0);
    let look = Look {
        search: "rest".into(),
        ..Look::default()
    };
    let drawn = frames(&svg(&base, &head, &look));
    let hit: Vec<_> = drawn.iter().filter(|f| f.0.ends_with(" match")).collect();
    assert_eq!(hit.len(), 1);
}

#[test]
fn inverted_adds_up_own_costs_and_splits_them_by_caller() {
    let base = profile(&[
        (&["main", "a", "copy"], 10),
        (&["main", "b", "copy"], 20),
        (&["main", "b"], 70),
    ]);
    let tree = Tree::inverted(&base, &base);
    let cost = |path: &[&str]| {
        let step = |at: usize, name: &&str| {
            let mut under = tree.frames[at].children.iter();
            *under.find(|c| tree.name(**c) == *name).unwrap()
        };
        tree.frames[path.iter().fold(0, step)].head
    };
    assert_eq!(cost(&["copy"]), 30);
    assert_eq!(cost(&["copy", "b", "main"]), 20);
    assert_eq!(cost(&["b"]), 70);
    assert_eq!(tree.frames[0].head, 100);
}

#[test]
fn a_functions_callers_stand_above_it_and_its_callees_below() {
    let base = profile(&[
        (&["main", "a", "f", "g"], 10),
        (&["main", "b", "f", "f", "h"], 20),
        (&["main", "b"], 70),
    ]);
    let look = Look::default().around("f");
    let drawn = frames(&svg(&base, &base, &look));
    let y = |name: &str| {
        let frame = drawn.iter().find(|f| f.2.as_deref() == Some(name));
        frame.unwrap().1[1].parse::<f64>().unwrap()
    };
    assert!(
        y("main") < y("a") && y("a") < y("f") && y("f") < y("g"),
        "{drawn:?}"
    );
    // Inside itself it counts once.
    assert_eq!(Tree::callees(&base, &base, "f").frames[0].head, 30);
    assert_eq!(Tree::callers(&base, &base, "f").frames[0].head, 30);
    let (whole, look) = (Tree::of(&base, &base), Look::default().around("nothing"));
    assert!(Picture::of((&base, &base), &whole, &look).is_empty());
}

#[test]
fn hostile_names_and_any_look_give_well_formed_pictures() {
    let names = [
        "<script>alert(1)</script>",
        "]]>",
        "\u{1b}[31m",
        "\"'&",
        "\u{202e}x",
        "",
        "é\u{1f600}",
        "all",
    ];
    let stacks: Vec<(&[&str], u64)> = names
        .iter()
        .map(|n| (std::slice::from_ref(n), 10))
        .collect();
    let p = profile(&stacks);
    let around = names.map(|n| Look::default().around(n));
    let zoomed = [0, 1, 5, 9_999].map(|i| Look::default().at(i));
    let inverted = Look {
        shape: Shape::Inverted,
        search: "]]>\u{1b}<&".into(),
        ..Look::default()
    };
    let whole = Tree::of(&p, &p);
    for look in around.iter().chain(&zoomed).chain([&inverted]) {
        let picture = Picture::of((&p, &p), &whole, look);
        for drawn in [picture.svg("/x"), picture.alone("]]>\u{1b}<&", "\u{0}<")] {
            let doc = roxmltree::Document::parse(&drawn).unwrap();
            assert!(!doc.descendants().any(|n| n.has_tag_name("script")));
        }
    }
}

/// A wide profile and a deep one stay within a page's budget, and a frame that was folded away is
/// drawn once one is near.
#[test]
fn fifty_thousand_frames_stay_within_the_budget_of_a_page() {
    let names: Vec<String> = (0..50_000).map(|i| format!("f{i}")).collect();
    let groups: Vec<String> = (0..500).map(|i| format!("group{i}")).collect();
    let stacks: Vec<[&str; 3]> = (0..50_000)
        .map(|i| ["main", groups[i / 100].as_str(), names[i].as_str()])
        .collect();
    let stacks: Vec<(&[&str], u64)> = stacks.iter().map(|s| (s.as_slice(), 1000)).collect();
    let p = profile(&stacks);
    let whole = svg(&p, &p, &Look::default());
    assert!(whole.matches("<rect").count() <= FRAMES);
    assert!(!whole.contains("f49999:"));
    let group = Tree::of(&p, &p).widest()["group499"];
    let near = svg(&p, &p, &Look::default().at(group));
    assert!(
        near.contains("f49999:") && near.matches("<rect").count() == 103,
        "{}",
        near.matches("<rect").count()
    );
    for look in [
        Look::default().shaped(Shape::Inverted),
        Look::default().around("main"),
    ] {
        assert!(svg(&p, &p, &look).matches("<rect").count() <= FRAMES);
    }
}

/// `leaves` functions of their own, each called by `f`, all below the same 59 callers; the first
/// leaf costs as much as all others.
fn wide_and_deep(leaves: u32) -> Profile {
    let mut p = Profile::default();
    let mut put = |name: String, parent: Option<u32>, cost: u64| {
        let at = p.nodes.len() as u32;
        p.frames.push(collector::profile::Frame {
            name,
            ..Default::default()
        });
        p.nodes.push(Node {
            parent,
            frame: at,
            inlined: false,
            site: 0,
            cost,
        });
        p.total += cost;
        Some(at)
    };
    let mut below = None;
    for i in 0..59 {
        below = put(format!("caller{i}"), below, 0);
    }
    for i in 0..leaves {
        let own = put(format!("own{i}"), below, 0);
        let f = put("f".into(), own, 0);
        put(
            format!("leaf{i}"),
            f,
            if i == 0 { u64::from(leaves) } else { 1 },
        );
    }
    p
}

/// Every leaf has a way of its own up to the root: frames for each step of each are more than a
/// machine has room for. The widest are grown whole, and both sides' costs are all in.
#[test]
fn a_wide_and_deep_profile_grows_no_more_frames_towards_its_callers_than_are_taken() {
    let leaves = 20_000;
    let p = wide_and_deep(leaves);
    let functions = leaves as usize;
    for (tree, last, deep) in [
        (Tree::inverted(&p, &p), "leaf0", 60),
        (Tree::callers(&p, &p, "f"), "own0", 60),
    ] {
        let frames = tree.frames.len();
        assert!(frames <= MOST + functions, "{last}: {frames} frames");
        assert_eq!(tree.frames[0].head, 2 * u64::from(leaves) - 1, "{last}");
        let mut at = *tree.widest().get(last).unwrap();
        while let [next] = tree.frames[at].children[..] {
            at = next;
        }
        assert_eq!(tree.frames[at].depth, deep, "{last}");
    }
    let look = Look::default().shaped(Shape::Inverted);
    assert!(svg(&p, &p, &look).contains("leaf0"));
}

/// A function that calls itself a hundred thousand times is looked at once for each call.
#[test]
fn callers_of_a_deep_recursion_are_found_at_once() {
    let stack = vec!["f"; 100_000];
    let p = profile(&[(&["main", "f"], 1), (&stack, 1)]);
    let tree = Tree::callers(&p, &p, "f");
    assert_eq!((tree.frames.len(), tree.frames[0].head), (2, 2));
}
