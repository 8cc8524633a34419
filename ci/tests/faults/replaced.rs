//! Files that are moved, replaced and shared under a server (D14), and numbers from other worlds'
//! clocks (C2).

use serde_json::Value;

use super::server::{Place, Server, get, holds, report, seen};
use crate::support::uptick;

#[test]
fn nothing_is_acknowledged_into_a_file_that_is_gone() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let kept = server.post(&report(0, 5)).unwrap().hash();
    let aside = place.dir().join("aside.db");
    std::fs::rename(place.store(), &aside).unwrap();
    for n in 1..4 {
        assert_eq!(server.post(&report(n, 5)).unwrap().status, 503);
    }
    server.until("/readyz", 503);
    // Another store in its place is not taken for it.
    std::fs::copy(Place::new().store(), place.store()).unwrap();
    let refused = server.post(&report(4, 5)).unwrap();
    assert!(refused.body.contains("another file"), "{refused:?}");
    std::fs::rename(&aside, place.store()).unwrap();
    server.until("/readyz", 200);
    assert_eq!(server.post(&report(5, 5)).unwrap().status, 201);
    drop(server);
    holds(&place.store(), &[kept]);
}

#[test]
fn d14_a_second_server_on_one_store_names_the_first() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let path = place.store();
    let serve = [
        "--store",
        path.to_str().unwrap(),
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let ran = uptick(place.dir(), &serve).exits(5);
    let pid = server.pid().to_string();
    let second = ran.says(&["another `uptick serve`", &pid, "--read-only"]);
    assert!(second.stdout.is_empty());
    // One that only reads stands beside it, and so do commands.
    let reader = Server::under(&[], &path, &["--read-only"]);
    assert_eq!(reader.get("/").status, 200);
    assert_eq!(reader.post(&report(0, 5)).unwrap().status, 409);
    uptick(place.dir(), &["--store", path.to_str().unwrap(), "verify"]).exits(0);
    assert_eq!(server.post(&report(0, 5)).unwrap().status, 201);
    // The lock ends with the process, however that ends.
    server.signal("KILL");
    drop(server);
    let next = Server::start(&path);
    assert!(get(&next.address, "/readyz").is_some());
    seen(
        "D14",
        "a second server exits with 5 and names the first one's process",
    );
}

#[test]
fn c2_times_and_numbers_at_the_ends_are_refused_by_name_or_kept() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let text = String::from_utf8(report(1, 1)).unwrap();
    let with = |old: &str, new: &str| text.replace(old, new).into_bytes();
    let started = |s: &str| with("\"started\":1700000000", &format!("\"started\":{s}"));
    let value = |s: &str| with("\"value\":1000000.0", &format!("\"value\":{s}"));
    let least = |s: &str| {
        let low = text.replace("\"low\":1000000.0", &format!("\"low\":{s}"));
        low.replace("\"value\":1000000.0", &format!("\"value\":{s}"))
            .into_bytes()
    };
    let mut kept = Vec::new();
    for body in [
        started("4102444800"),
        started("0"),
        started("-1"),
        least("0.0"),
        least("-0.0"),
    ] {
        assert_ne!(body, text.as_bytes());
        let answer = server.post(&body).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        kept.push(answer.hash());
    }
    for (body, field) in [
        (started("18446744073709551615"), "started"),
        (started("1e308"), "started"),
        (value("1e308"), "measurements[0].value"),
        (value("-1.0"), "measurements[0].value"),
        (value("2000000.0"), "measurements[0].value"),
        (value("1e999"), "measurements[0]"),
        (value("NaN"), "line 1"),
        (value("null"), "measurements[0].value"),
        (
            with("\"position\":1,", "\"position\":18446744073709551615,"),
            "commit.position",
        ),
        (with("\"seconds\":1.0", "\"seconds\":-1.0"), "seconds"),
    ] {
        let answer = server.post(&body).unwrap();
        assert_eq!(answer.status, 422, "{field}: {answer:?}");
        assert!(answer.body.contains(field), "{field}: {answer:?}");
    }
    for page in ["/", "/health", "/commits", "/log"] {
        assert_eq!(server.get(page).status, 200, "{page}");
    }
    let all: Value = serde_json::from_str(&server.get("/health.json").body).unwrap();
    for s in all["series"].as_array().unwrap() {
        let id = s["id"]
            .as_str()
            .or(s["series"].as_str())
            .unwrap_or_default();
        assert_eq!(server.get(&format!("/series/{id}")).status, 200, "{s}");
    }
    drop(server);
    holds(&place.store(), &kept);
    seen(
        "C2",
        "years 1970 and 2100 and -0 kept; u64::MAX, 1e308, NaN, 1e999, -1 refused by field",
    );
}
