//! A node that has not read all of its log: it lives, it is not ready, and nothing that it shows passes
//! for all there is.

use super::*;

const ALL: u64 = 120;

fn filled(node: &Node, write: &str, from: u64) {
    for n in from..from + ALL {
        let (status, body) = node.post(write, n);
        assert_eq!(status, 201, "{body}");
    }
}

/// A place to listen at that nobody has now.
fn free() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// An answer, once anybody listens.
fn try_get(address: &str, path: &str, token: &str) -> Option<(u16, String, String)> {
    std::net::TcpStream::connect(address).ok()?;
    Some(answer(address, "GET", path, token, &[], b""))
}

#[test]
fn a_node_that_is_filled_lives_and_is_not_ready() {
    let cluster = Cluster::new();
    let way = Way::to(&cluster);
    let dir = tempfile::tempdir().unwrap();
    let a = Node::start(&dir.path().join("a"), &cluster.address("postgres"));
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    served([&a, &a], &write);
    filled(&a, &write, 900);

    way.delay.store(150, Ordering::SeqCst);
    let address = free();
    let mut child = uptick(&[
        "serve",
        "--listen",
        &address,
        "--log",
        &way.address(),
        "--data",
    ])
    .arg(dir.path().join("b"))
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let (mut waited, mut last) = (0, String::new());
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < Duration::from_secs(60), "{last}");
        let Some((status, head, body)) = try_get(&address, "/readyz", "") else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        if status == 200 {
            break;
        }
        last = format!("{status} {head}\n{body}");
        assert!(
            status == 503 && field(&head, "retry-after").is_some(),
            "{last}"
        );
        assert_eq!(try_get(&address, "/healthz", "").unwrap().0, 200);
        let (status, _, page) = try_get(&address, "/p/lexis/", &admin).unwrap();
        assert!(
            status == 503 || page.contains(&sha(900 + ALL - 1)[..7]),
            "{status} {page}"
        );
        waited += 1;
    }
    let all = ask(
        &address,
        "GET",
        "/p/lexis/api/v1/reports?limit=1000",
        &admin,
        &[],
        b"",
    );
    let _ = (child.kill(), child.wait());
    assert!(waited > 0 && last.contains("shared log"), "{waited} {last}");
    assert!(all.1.contains(&sha(900 + ALL - 1)), "{}", all.1);
}

#[test]
fn a_node_that_is_far_behind_says_so_on_every_page() {
    let apart = Apart::new();
    let Apart {
        a,
        b,
        way,
        admin,
        write,
        ..
    } = &apart;
    filled(a, write, 900);
    wait("it is level", || b.commits(admin).len() as u64 == ALL);
    let page = |path: &str| answer(&b.address, "GET", path, admin, &[], b"");
    wait("nothing is missing", || page("/p/lexis/").2.contains("✓"));

    way.cut();
    wait("it says that the log is away", || {
        let (status, head, body) = page("/p/lexis/");
        let is_said = body.contains("The shared log is away") && !body.contains("✓");
        status == 200 && is_said && field(&head, "uptick-behind").as_deref() == Some("unknown")
    });
    assert_eq!(page("/healthz").0, 200);
    filled(a, write, 2_000);
    way.delay.store(400, Ordering::SeqCst);
    way.mend();

    // Each page is whole, or says what it lacks; the newest commit is on it when it is.
    let newest = sha(2_000 + ALL - 1)[..7].to_string();
    let (mut said, mut refused) = (false, false);
    wait_within(60, "it is level again", || {
        let (_, head, body) = page("/p/lexis/");
        let behind = body.contains("behind the shared log by ");
        let lacks = behind || body.contains("The shared log is away");
        assert!(lacks || body.contains(&newest), "{head}\n{body}");
        assert!(!lacks || !body.contains("✓"), "{body}");
        // The head of an answer never passes for more than its page.
        let count = field(&head, "uptick-behind");
        assert!(count.is_some() || !lacks, "{head}\n{body}");
        let is_count = |n: &str| n.parse::<u64>().is_ok_and(|n| n > 0 && n <= ALL);
        assert!(
            count.is_none_or(|n| n == "unknown" || is_count(&n)),
            "{head}"
        );
        if behind {
            said = true;
            let (status, _, words) = page("/readyz");
            // It may have become level since.
            let is_refused = status == 503 && words.contains("shared log");
            assert!(is_refused || status == 200, "{status} {words}");
            refused |= words.contains("behind the shared log by ");
        }
        body.contains("✓") && body.contains(&newest)
    });
    assert!(said, "it never said how far behind it was");
    assert!(refused, "it was ready though it said that it was behind");
    way.delay.store(0, Ordering::SeqCst);
    wait("it is ready", || page("/readyz").0 == 200);
    let (_, _, document) = page("/p/lexis/api/v1/changes");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["behind"], Value::Null);
}
