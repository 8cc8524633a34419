//! The page of channels: what it shows, what it never shows, and its test button.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use axum::http::{Method, StatusCode, header};
use collector::model::{Channel, Secret, Sink};
use collector::store::Scope;
use serde_json::Value;

use crate::support::Site;

fn channel(name: &str, address: &str, private: bool) -> Channel {
    Channel {
        id: 0,
        name: name.into(),
        sink: Sink::Slack,
        address: Secret::new(address.into()),
        secret: Secret::default(),
        former: Secret::default(),
        room: String::new(),
        sender: String::new(),
        private,
        improvements: false,
        since: -1,
        created: 1,
        disabled: None,
        why: String::new(),
    }
}

/// Answers every request that comes, for as long as the test runs.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = Vec::new();
            let mut some = [0; 4096];
            while !String::from_utf8_lossy(&asked).contains("\r\n\r\n{") {
                match stream.read(&mut some) {
                    Ok(n) if n > 0 => asked.extend_from_slice(&some[..n]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n");
        }
    });
    place
}

#[tokio::test]
async fn a_test_message_is_sent_by_who_may_and_its_fate_is_shown() {
    let site = Site::demo();
    let place = receiver();
    let address = format!("http://{place}/s3cret");
    site.store()
        .add_channel(&channel("team", &address, true))
        .unwrap();
    let inside = channel("inside", "https://127.0.0.1:1/s3cret", false);
    site.store().add_channel(&inside).unwrap();
    let c = site.client().await;
    for name in ["team", "inside"] {
        let form = format!("name={name}");
        let posted = c.send(Method::POST, "/channels/test", &[], form.as_bytes());
        let posted = posted.await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{}", posted.text());
        assert_eq!(posted.header("location"), "/channels");
    }
    let page = c.get("/channels").await;
    for words in [
        "team",
        "slack",
        "delivered",
        "HTTP 200",
        "given up",
        "private network",
    ] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let document = c.get("/channels.json").await;
    let parsed: Value = serde_json::from_str(document.text()).unwrap();
    assert_eq!(parsed["deliveries"][0]["state"], "failed");
    assert_eq!(parsed["deliveries"][1]["state"], "delivered");
    assert_eq!(document.text(), c.get("/api/v1/channels").await.text());
    // Whoever gets a message cannot follow a link to this machine.
    let leads = "Links in messages lead to <code>http://127.0.0.1:8787</code>";
    assert!(page.text().contains(leads), "{}", page.text());
    let named =
        |o: &mut uptick_dashboard::Options| o.public_url = Some("https://uptick.example".into());
    let named = site.served_with(named).await.get("/channels").await;
    assert!(
        !named.text().contains("Links in messages"),
        "{}",
        named.text()
    );
    for text in [page.text(), document.text()] {
        assert!(!text.contains("s3cret") && !text.contains(&place), "{text}");
    }
    assert_eq!(c.metric("uptick_messages_sent_total ").await, 2);
    assert_eq!(c.metric("uptick_outbox_failed ").await, 1);
    assert_eq!(c.metric("uptick_outbox_waiting ").await, 0);
    let unknown = c
        .send(Method::POST, "/channels/test", &[], b"name=%3Cb%3E")
        .await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_only_writes_sends_no_test_and_who_only_reads_sees_the_page() {
    let site = Site::demo();
    let place = receiver();
    let address = format!("http://{place}/s3cret");
    site.store()
        .add_channel(&channel("team", &address, true))
        .unwrap();
    let c = site.remote().await;
    for (scope, page, sent) in [
        (Scope::Read, StatusCode::OK, StatusCode::FORBIDDEN),
        (Scope::Write, StatusCode::OK, StatusCode::FORBIDDEN),
        (Scope::Admin, StatusCode::OK, StatusCode::SEE_OTHER),
    ] {
        let bearer = format!("Bearer {}", site.mint(scope).1);
        let headers = [(header::AUTHORIZATION, bearer.as_str())];
        let got = c.send(Method::GET, "/channels", &headers, b"").await;
        assert_eq!(got.status, page, "{scope:?}");
        let posted = c.send(Method::POST, "/channels/test", &headers, b"name=team");
        assert_eq!(posted.await.status, sent, "{scope:?}");
    }
    assert_eq!(site.store().deliveries(10).unwrap().len(), 1);
    // Where nothing can be written, nothing is sent.
    let reading = site.read_only().await;
    let posted = reading.send(Method::POST, "/channels/test", &[], b"name=team");
    assert_eq!(posted.await.status, StatusCode::CONFLICT);
}

/// Who looks at the first pages sees that nobody is told, and programs that the store takes reports.
#[tokio::test]
async fn a_disabled_channel_is_said_where_people_look_first() {
    let site = Site::demo();
    let id = site
        .store()
        .add_channel(&channel("team", "https://hooks.example.org/s3cret", false))
        .unwrap();
    let c = site.client().await;
    for url in ["/", "/health"] {
        assert!(
            !c.get(url).await.text().contains("is disabled since"),
            "{url}"
        );
    }
    site.store()
        .disable_channel(id, "HTTP 410", 1_700_000_000)
        .unwrap();
    for url in ["/", "/health"] {
        let page = c.get(url).await;
        let words = "Channel <b>team</b> is disabled since";
        assert!(
            page.text().contains(words) && page.text().contains("HTTP 410"),
            "{url}"
        );
    }
    assert_eq!(c.get("/readyz").await.status, StatusCode::OK);
    site.store().enable_channel(id, 1_700_000_100).unwrap();
    assert!(!c.get("/").await.text().contains("is disabled since"));
    // One that is there no more is disabled no more.
    let again = 1_700_000_200;
    site.store().disable_channel(id, "HTTP 410", again).unwrap();
    for gone in [false, true] {
        if gone {
            assert!(site.store().remove_channel("team").unwrap());
        }
        for url in ["/", "/health"] {
            let page = c.get(url).await;
            let says = page.text().contains("is disabled since");
            assert_eq!(says, !gone, "{url}");
        }
    }
}
