use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn moved(benchmark: &str, change: f64) -> Moved {
    Moved {
        id: "0123456789ab".into(),
        benchmark: benchmark.into(),
        metric: "instructions".into(),
        counter: "callgrind".into(),
        change,
        size: crate::format::percent(change),
        regressed: change > 0.0,
        before: "1,204,123 instructions".into(),
        after: "1,353,434 instructions".into(),
    }
}

fn suspect(digit: char, subject: &str, author: &str) -> Suspect {
    Suspect {
        sha: digit.to_string().repeat(40),
        subject: subject.into(),
        author: author.into(),
    }
}

fn one() -> Message {
    Message {
        happened: Happened::Moved,
        project: "lexis".into(),
        moved: vec![moved("parse/large", 0.124)],
        total: 1,
        suspects: vec![suspect('a', "Use a string for keys (#12)", "Ada Lovelace")],
        commits: 1,
        everything: false,
        link: "https://uptick.example/compare/bbbbbbbbb..aaaaaaaaa".into(),
        time: 1_795_000_000,
        note: String::new(),
    }
}

fn several() -> Message {
    Message {
        moved: (0..9)
            .map(|i| moved(&format!("lex/case-{i}"), 0.2))
            .collect(),
        total: 500,
        suspects: ["Ada", "Bob", "Ada", "Cy", "Di"]
            .map(|a| suspect('c', "Merge", a))
            .to_vec(),
        commits: 7,
        everything: true,
        ..one()
    }
}

fn narrowed() -> Message {
    Message {
        happened: Happened::Narrowed,
        total: 2,
        ..one()
    }
}

fn recovered() -> Message {
    Message {
        happened: Happened::Recovered,
        total: 3,
        ..one()
    }
}

const HOSTILE: &str = "<!channel> @here <@U1> **b** _i_ [x](https://evil.example) `c` :tada: \
    |||a & b||| \u{202e}gpj\u{1b}[31m\n/close";

fn hostile() -> Message {
    let long = "@everyone ".repeat(1_000);
    Message {
        project: HOSTILE.into(),
        moved: vec![
            Moved {
                metric: HOSTILE.into(),
                after: format!("1 {HOSTILE}"),
                ..moved(HOSTILE, 0.5)
            },
            moved(&long, -0.5),
        ],
        total: 2,
        suspects: vec![suspect('d', HOSTILE, &long)],
        ..one()
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// Every message as every sink gets it. Invisible spaces are shown as `¦`.
fn gallery() -> String {
    let all = [
        ("one", one()),
        ("several", several()),
        ("narrowed", narrowed()),
        ("recovered", recovered()),
        ("hostile", hostile()),
        ("test", Message::test("lexis", "", 1_795_000_000)),
    ];
    let mut out = String::new();
    for (name, m) in all {
        let words = said(&m);
        let body: Value = serde_json::from_str(&webhook(&m)).unwrap();
        for (sink, text) in [
            ("plain", plain(&words)),
            ("slack", pretty(&slack(&words))),
            ("discord", pretty(&discord(&words))),
            ("teams", pretty(&teams(&words))),
            ("mattermost", pretty(&mattermost(&words))),
            ("webhook", pretty(&body)),
        ] {
            if name == "several" && matches!(sink, "teams" | "webhook") {
                continue;
            }
            out.push_str(&format!("=== {name}, {sink}\n{text}\n"));
        }
    }
    out.replace('\u{200b}', "¦")
}

#[test]
fn messages_are_as_they_were_agreed() {
    let now = gallery();
    let golden = include_str!("golden.txt");
    let differs = now.lines().zip(golden.lines()).find(|(a, b)| a != b);
    assert!(now == golden, "first difference: {differs:#?}");
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(s) => out.push(s.clone()),
        Value::Array(all) => all.iter().for_each(|v| texts(v, out)),
        Value::Object(all) => all.values().for_each(|v| texts(v, out)),
        _ => {}
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,300}",
        "\\PC{0,300}",
        proptest::collection::vec(
            prop_oneof![
                Just("<!channel>"),
                Just("@everyone"),
                Just("<@1>"),
                Just("😀"),
                Just("\\"),
                Just("`"),
                Just("https://evil.example/"),
            ],
            0..400
        )
        .prop_map(|all| all.concat()),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    let names = proptest::collection::vec(any_name(), 1..LISTED);
    (names, any_name(), any_name(), any_name(), 1u64..1000).prop_map(
        |(names, subject, author, metric, commits)| {
            let of = |name: &String| Moved {
                metric: metric.clone(),
                ..moved(name, 0.25)
            };
            Message {
                project: author.clone(),
                moved: names.iter().map(of).collect(),
                total: names.len() + 7,
                suspects: vec![suspect('e', &subject, &author); LISTED],
                commits,
                ..one()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_message_is_too_long_or_mentions_anybody(m in any_message()) {
        let words = said(&m);
        let units = |v: &Value| v.as_str().unwrap().encode_utf16().count();
        let (slack, discord) = (slack(&words), discord(&words));
        prop_assert!(units(&slack["blocks"][0]["text"]["text"]) <= 3_000);
        prop_assert!(units(&discord["content"]) <= 2_000);
        prop_assert_eq!(&discord["allowed_mentions"]["parse"], &serde_json::json!([]));
        prop_assert!(units(&mattermost(&words)["text"]) <= 16_383);
        prop_assert!(teams(&words).to_string().len() <= 28_000);
        prop_assert!(webhook(&m).len() < 20_000);
        for (is_slack, body) in [
            (true, slack),
            (false, discord.clone()),
            (false, teams(&words)),
            (false, mattermost(&words)),
        ] {
            let mut all = Vec::new();
            texts(&body, &mut all);
            for text in all {
                for live in ["@everyone", "<!", "<@", "@here"] {
                    prop_assert!(!text.contains(live), "{} in {}", live, text);
                }
                prop_assert!(!is_slack || !text.contains('<'), "{}", text);
                let theirs = text.replace(&m.link, "").replace("http://adaptivecards.io", "");
                prop_assert!(!theirs.contains("://"), "{}", theirs);
            }
        }
        // However much there is, the commit and the link are not what is cut.
        for text in [plain(&words), mattermost(&words)["text"].as_str().unwrap().to_string()] {
            prop_assert!(text.contains(&m.link) && text.contains("eeeeeeeee"));
        }
        prop_assert!(discord["content"].as_str().unwrap().contains(&m.link));
    }
}
