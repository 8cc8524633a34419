//! What is handed in: answered with its hash, stored once, whole or not at all, within a day's share
//! and the disk's room.

use axum::http::{HeaderName, Method, StatusCode};
use collector::model::digest;
use serde_json::Value;

use crate::support::{Answer, Client, Site};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

async fn hand_in(c: &Client, body: &[u8], key: Option<&str>) -> Answer {
    let headers: Vec<(HeaderName, &str)> = key.map(|k| (KEY, k)).into_iter().collect();
    c.send(Method::POST, "/api/v1/reports", &headers, body)
        .await
}

fn document(answer: &Answer) -> Value {
    serde_json::from_str(answer.text()).unwrap()
}

/// A report with another value, so that it is another one.
fn another(report: &[u8], seconds: f64) -> Vec<u8> {
    let mut r: Value = serde_json::from_slice(report).unwrap();
    r["seconds"] = seconds.into();
    serde_json::to_vec(&r).unwrap()
}

#[tokio::test]
async fn the_answer_names_what_was_stored_and_a_retry_gets_the_same() {
    let site = Site::demo();
    let c = site.client().await;
    let report = another(&site.new_report(), 1.0);
    let first = hand_in(&c, &report, Some("leg 1")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let d = document(&first);
    assert_eq!(d["hash"], digest(&report));
    assert_eq!(d["hashes"], serde_json::json!([digest(&report)]));
    let again = hand_in(&c, &report, Some("leg 1")).await;
    assert_eq!(
        (again.status, &document(&again)["new"]),
        (StatusCode::OK, &0.into())
    );
    assert_eq!(document(&again)["hash"], d["hash"]);
    // The key stands for this body, and for no other.
    let other = another(&report, 2.0);
    let refused = hand_in(&c, &other, Some("leg 1")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    assert!(
        site.store()
            .reports_named(&digest(&other))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        hand_in(&c, &other, Some("leg 2")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        hand_in(&c, &other, Some("")).await.status,
        StatusCode::BAD_REQUEST
    );
    let long = "k".repeat(300);
    assert_eq!(
        hand_in(&c, &other, Some(&long)).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// The same report from five clients at once is one report.
#[tokio::test]
async fn five_at_once_store_it_once() {
    let site = Site::demo();
    let c = site.client().await;
    let report = another(&site.new_report(), 3.0);
    let send = || hand_in(&c, &report, Some("k"));
    let (a, b, d, e, f) = tokio::join!(send(), send(), send(), send(), send());
    let answers = [a, b, d, e, f].map(|x| (x.status, document(&x)["hash"].clone()));
    assert!(
        answers.iter().all(|x| x.1 == digest(&report)),
        "{answers:?}"
    );
    let created = answers.iter().filter(|x| x.0 == StatusCode::CREATED);
    assert_eq!(created.count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_day_has_its_share_of_new_series() {
    let site = Site::demo();
    let c = site.served_with(|o| o.new_series = 5).await;
    let mut r: Value = serde_json::from_slice(&site.new_report()).unwrap();
    let known = another(&site.new_report(), 4.0);
    assert_eq!(hand_in(&c, &known, None).await.status, StatusCode::CREATED);
    let one = r["measurements"][0].clone();
    let many: Vec<Value> = (0..6)
        .map(|i| {
            let mut m = one.clone();
            m["benchmark"] = format!("at {i}").into();
            m
        })
        .collect();
    r["measurements"] = many.into();
    let body = serde_json::to_vec(&r).unwrap();
    let refused = hand_in(&c, &body, None).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        refused.text().contains("6 new series"),
        "{}",
        refused.text()
    );
    assert!(!refused.header("retry-after").is_empty());
    assert!(
        site.store()
            .reports_named(&digest(&body))
            .unwrap()
            .is_empty()
    );
    assert!(site.store().series_of("at 0").unwrap().is_empty());
}

/// Refused before the disk is full; what people decide still has room.
#[tokio::test]
async fn a_disk_that_fills_takes_no_reports() {
    let site = Site::demo();
    let c = site.served_with(|o| o.keep_free = u64::MAX).await;
    let report = another(&site.new_report(), 5.0);
    let full = hand_in(&c, &report, None).await;
    assert_eq!(full.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(full.header("retry-after"), "60");
    assert!(full.text().contains("--keep-free"), "{}", full.text());
    assert_eq!(
        c.get("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(c.get("/healthz").await.status, StatusCode::OK);
    let form = format!("event={}&state=noise", site.open_event());
    let decided = c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(decided.status, StatusCode::SEE_OTHER);
}

/// More numbers than any report has are refused before they take memory.
#[tokio::test]
async fn a_crowd_in_few_bytes_is_refused() {
    let site = Site::demo();
    let c = site.client().await;
    let mut r: Value = serde_json::from_slice(&site.new_report()).unwrap();
    r["measurements"][0]["samples"] = Value::String("HERE".into());
    let text = serde_json::to_string(&r).unwrap();
    let crowd = format!("[0{}]", ",0".repeat(20_000_000));
    let packed = zstd::bulk::compress(text.replace("\"HERE\"", &crowd).as_bytes(), 1).unwrap();
    let headers = [(axum::http::header::CONTENT_ENCODING, "zstd")];
    let answer = c
        .send(Method::POST, "/api/v1/reports", &headers, &packed)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("too many"), "{}", answer.text());
    // An older line of an export is no way around it.
    let line = b"{\"schema\":\"uptick.export/1\"}\n{\"main_line\":{\"from\":0,\"commits\":[]}}\n";
    let refused = hand_in(&c, line, None).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("line 2"), "{}", refused.text());
}
