//! Who is let in, how much they may bring, how often they may ask, and what is said when not.

use crate::support::{Client, Site};
use axum::http::{HeaderName, Method, StatusCode, header};
use collector::blobs::Place;
use collector::store::Scope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SMALL: StatusCode = StatusCode::PAYLOAD_TOO_LARGE;

/// Any header that a proxy adds makes a request remote, whichever it leaves out.
#[tokio::test]
async fn a_request_that_was_forwarded_comes_from_elsewhere() {
    let site = Site::demo();
    let c = site.client().await;
    assert_eq!(c.get("/api/v1/tokens").await.status, StatusCode::OK);
    for name in [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
    ] {
        let headers = [(HeaderName::from_static(name), "1")];
        let status = c
            .send(Method::GET, "/api/v1/tokens", &headers, b"")
            .await
            .status;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn who_always_asks_asks_this_machine_too() {
    let site = Site::demo();
    let c = site.always_asking().await;
    assert_eq!(c.get("/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(c.get("/healthz").await.status, StatusCode::OK);
    let (_, token) = site.mint(Scope::Read);
    // The scheme's name is in any case.
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let shown = format!("{scheme} {token}");
        let headers = [(header::AUTHORIZATION, shown.as_str())];
        let status = c.send(Method::GET, "/", &headers, b"").await.status;
        assert_eq!(status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn a_cookie_of_long_ago_takes_nothing_from_who_needs_none() {
    let site = Site::demo();
    let old = [(header::COOKIE, "uptick_token=upt_of_long_ago")];
    let local = site.client().await;
    for _ in 0..40 {
        assert_eq!(
            local.send(Method::GET, "/", &old, b"").await.status,
            StatusCode::OK
        );
    }
    let remote = site.remote().await;
    let refused = remote.send(Method::GET, "/", &old, b"").await.status;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_address_takes_only_what_it_needs() {
    let site = Site::demo();
    let c = site.client().await;
    let form = vec![b'x'; 8 << 10];
    for url in ["/login", "/triage/undo"] {
        assert_eq!(
            c.send(Method::POST, url, &[], &form).await.status,
            SMALL,
            "{url}"
        );
    }
    let many = vec![b'x'; 300 << 10];
    for url in ["/triage", "/api/v1/triage"] {
        let answer = c.send(Method::POST, url, &[], &many).await;
        assert_eq!(answer.status, SMALL, "{url}");
        assert!(answer.text().contains("Too large"), "{}", answer.text());
    }
    let report = vec![b' '; 11 << 20];
    assert_eq!(
        c.send(Method::POST, "/api/v1/reports", &[], &report)
            .await
            .status,
        SMALL
    );
    // Said before a byte of it is read.
    let huge = [(header::CONTENT_LENGTH, "99999999999")];
    let answer = c.send(Method::POST, "/api/v1/reports", &huge, b"x").await;
    assert_eq!(answer.status, SMALL);
    assert!(
        answer.text().contains("10,485,760 bytes at most"),
        "{}",
        answer.text()
    );
}

async fn sign_in(c: &Client, token: &str) -> (StatusCode, String) {
    let form = format!("token={token}");
    let answer = c.send(Method::POST, "/login", &[], form.as_bytes()).await;
    (answer.status, answer.header("retry-after").into())
}

#[tokio::test]
async fn signing_in_is_tried_five_times_a_minute() {
    let site = Site::demo();
    let (_, token) = site.mint(Scope::Read);
    let c = site.remote().await;
    for _ in 0..5 {
        assert_eq!(sign_in(&c, "upt_wrong").await.0, StatusCode::UNAUTHORIZED);
    }
    let (status, wait) = sign_in(&c, &token).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=12).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    // Never for whoever sits at this machine.
    let local = site.always_asking().await;
    for _ in 0..20 {
        assert_eq!(
            sign_in(&local, "upt_wrong").await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(sign_in(&local, &token).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_public_dashboard_answers_one_address_a_thousand_times_a_minute() {
    let site = Site::demo();
    let (_, token) = site.mint(Scope::Read);
    let c = site.public().await;
    let mut answered = 0;
    let refused = loop {
        let answer = c.get("/help").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        answered += 1;
        assert!(answered < 2_000);
    };
    assert!((1_000..1_500).contains(&answered), "{answered}");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "1");
    // Whoever shows a token is known, and goes on.
    let shown = format!("Bearer {token}");
    let known = c
        .send(
            Method::GET,
            "/help",
            &[(header::AUTHORIZATION, &shown)],
            b"",
        )
        .await;
    assert_eq!(known.status, StatusCode::OK);
}

#[tokio::test]
async fn an_encoding_that_is_refused_is_not_sent() {
    let site = Site::demo();
    let c = site.client().await;
    for (accepts, sent) in [
        ("zstd;q=0", ""),
        ("zstd;q=0, gzip", "gzip"),
        ("zstd, gzip", "zstd"),
    ] {
        let headers = [(header::ACCEPT_ENCODING, accepts)];
        let answer = c.send(Method::GET, "/health", &headers, b"").await;
        assert_eq!(answer.header("content-encoding"), sent, "{accepts}");
    }
}

/// What says whether writes are kept knows when they are not.
#[tokio::test]
async fn readiness_knows_of_writes_that_fail() {
    let site = Site::demo();
    let c = site.client().await;
    assert_eq!(c.get("/readyz").await.status, StatusCode::OK);
    site.refuse_writes();
    let event = site.open_event();
    let form = format!("event={event}&state=noise");
    c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    let ready = c.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text().contains("disk"), "{}", ready.text());
    assert_eq!(c.metric("uptick_store_writable").await, 0);
    // This node still shows what there is.
    assert_eq!(c.get("/healthz").await.status, StatusCode::OK);
}

/// What is put in the store's place is neither written nor taken for it.
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_is_gone_or_replaced() {
    let site = Site::demo();
    let c = site.client().await;
    let aside = site.path.with_extension("aside");
    std::fs::rename(&site.path, &aside).unwrap();
    let report = site_report(&aside, &site);
    let gone = c.send(Method::POST, "/api/v1/reports", &[], &report).await;
    assert_eq!(
        gone.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        gone.text()
    );
    std::fs::copy(&aside, &site.path).unwrap();
    let replaced = c.send(Method::POST, "/api/v1/reports", &[], &report).await;
    assert_eq!(replaced.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        replaced.text().contains("another file"),
        "{}",
        replaced.text()
    );
    assert_eq!(
        c.get("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    std::fs::rename(&aside, &site.path).unwrap();
    let back = c.send(Method::POST, "/api/v1/reports", &[], &report).await;
    assert_eq!(back.status, StatusCode::CREATED, "{}", back.text());
    assert_eq!(c.get("/readyz").await.status, StatusCode::OK);
}

/// A report for a store that lies elsewhere for the moment.
fn site_report(aside: &std::path::Path, site: &Site) -> Vec<u8> {
    let copy = aside.with_extension("copy");
    std::fs::copy(aside, &copy).unwrap();
    std::fs::rename(&copy, &site.path).unwrap();
    let report = site.new_report();
    std::fs::remove_file(&site.path).unwrap();
    report
}

/// Silent connections hold no place that somebody wants.
#[tokio::test]
async fn silent_connections_lock_nobody_out() {
    let site = Site::demo();
    let running = site.serve().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut socket = running.connect().await;
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: local")
            .await
            .unwrap();
        silent.push(socket);
    }
    assert_eq!(running.status("/healthz").await, 200);
    running.stop().await;
}

/// Ten seconds at most, whoever holds a connection.
#[tokio::test]
async fn the_server_ends_though_somebody_keeps_silent() {
    let site = Site::demo();
    let running = site.serve().await;
    let mut half = running.connect().await;
    half.write_all(b"POST /triage HTTP/1.1\r\nHost: localhost\r\ncontent-length: 9\r\n\r\nev")
        .await
        .unwrap();
    let mut idle = running.connect().await;
    let begin = std::time::Instant::now();
    running.stop().await;
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(12),
        "{:?}",
        begin.elapsed()
    );
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
}

/// Where profiles lie is a path of this machine.
#[tokio::test]
async fn whoever_comes_is_not_told_where_profiles_lie() {
    let site = Site::demo();
    let place = tempfile::tempdir().unwrap();
    // As `serve --blobs` leaves it at its start.
    std::fs::write(place.path().join("uptick-profiles"), "").unwrap();
    let path = place.path().to_str().unwrap().to_string();
    let c = site
        .served_with(|o| {
            o.public = true;
            o.blobs = Some(Place::Directory(place.path().to_path_buf()));
        })
        .await;
    let anybody = c.seen_from("192.0.2.7").get("/profiles").await;
    assert_eq!(anybody.status, StatusCode::OK);
    let text = anybody.text();
    assert!(
        text.contains("outside the store’s file") && !text.contains(&path),
        "{text}"
    );
    let owner = c.seen_from("127.0.0.1").get("/profiles").await;
    assert!(owner.text().contains(&path), "{}", owner.text());
}
