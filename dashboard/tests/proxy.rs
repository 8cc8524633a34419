//! People whom a proxy in front signs in: who is believed, what they may, and what is hostile.

use axum::http::{HeaderName, Method, StatusCode};
use collector::store::Scope;
use uptick_dashboard::{AskedProxy, Proxy};

use crate::support::{Answer, Client, Site};

const PROXY: &str = "10.0.0.7";
const OTHER: &str = "10.0.0.8";
const USER: &str = "x-forwarded-user";
const GROUPS: &str = "x-forwarded-groups";

/// As it is configured for one that listens at `from`.
pub(crate) fn proxy(from: &str) -> Option<Proxy> {
    proxy_with("read", from)
}

fn proxy_with(scope: &str, from: &str) -> Option<Proxy> {
    let groups = ["devs=write", "ops=admin"].map(String::from);
    let asked = AskedProxy {
        user: USER,
        groups: Some(GROUPS),
        from: &[from.to_string()],
        scope,
        of_groups: &groups,
    };
    Some(Proxy::new(asked).unwrap())
}

async fn behind(site: &Site, from: &str) -> Client {
    site.served_with(|o| o.proxy = proxy(from)).await
}

/// A request from an address, with headers of which the first names the user.
async fn ask(c: &Client, peer: &str, headers: &[(&'static str, &str)]) -> Answer {
    send(c, (peer, Method::GET, "/"), headers, "").await
}

async fn send(
    c: &Client,
    (peer, method, url): (&str, Method, &str),
    headers: &[(&'static str, &str)],
    body: &str,
) -> Answer {
    let named: Vec<(HeaderName, &str)> = headers
        .iter()
        .map(|&(name, value)| (HeaderName::from_static(name), value))
        .collect();
    let c = c.seen_from(peer);
    c.send(method, url, &named, body.as_bytes()).await
}

/// Who a page says that its reader is.
fn reader(page: &Answer) -> &str {
    let who = page.text().split("signed in as <b>").nth(1);
    who.map_or("", |w| w.split("</span>").next().unwrap())
}

#[tokio::test]
async fn whoever_the_proxy_names_reads_and_each_has_a_page_of_their_own() {
    let site = Site::demo();
    let c = behind(&site, "10.0.0.0/29").await;
    for (headers, is) in [
        (&[(USER, "ada")][..], "ada</b> (read only)"),
        (&[(USER, "eve"), (GROUPS, "x, devs")], "eve</b> (may write)"),
        (&[(USER, "ada"), (GROUPS, "devs")], "ada</b> (may write)"),
        (
            &[(USER, "<b>"), (GROUPS, "ops")],
            "&lt;b&gt;</b> (may do everything)",
        ),
        (&[(USER, "ada")], "ada</b> (read only)"),
    ] {
        let page = ask(&c, PROXY, headers).await;
        assert_eq!(page.status, StatusCode::OK, "{headers:?}");
        assert_eq!(reader(&page), is, "{headers:?}");
        // It is the proxy that signs them out.
        assert!(!page.text().contains("/logout"), "{headers:?}");
        let controls = page.text().contains("action=\"/triage");
        assert_eq!(controls, !is.contains("read only"), "{headers:?}");
        assert!(
            page.header("vary")
                .contains("x-forwarded-user, x-forwarded-groups")
        );
    }
    let account = send(&c, (PROXY, Method::GET, "/login"), &[(USER, "ada")], "").await;
    assert!(
        account.text().contains("by the proxy in front"),
        "{}",
        account.text()
    );
    let tokens = (PROXY, Method::GET, "/api/v1/tokens");
    for (groups, status) in [("devs", StatusCode::FORBIDDEN), ("ops", StatusCode::OK)] {
        let answer = send(&c, tokens.clone(), &[(USER, "ada"), (GROUPS, groups)], "").await;
        assert_eq!(answer.status, status, "{groups}: {}", answer.text());
    }
}

/// The header of whoever is no proxy says nothing, and takes the rights of this machine.
#[tokio::test]
async fn a_header_from_elsewhere_is_not_believed() {
    let site = Site::demo();
    let c = behind(&site, PROXY).await;
    let named = [(USER, "ada"), (GROUPS, "ops")];
    for peer in [OTHER, "127.0.0.1", "192.0.2.7"] {
        let page = ask(&c, peer, &named).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{peer}");
        assert!(!page.text().contains("ada"), "{peer}");
    }
    // Without it, whoever sits at this machine is who they were.
    assert!(
        ask(&c, "127.0.0.1", &[])
            .await
            .text()
            .contains("action=\"/triage")
    );
    // Where all may read, they read as nobody in particular.
    let public = site
        .served_with(|o| {
            o.proxy = proxy(PROXY);
            o.public = true;
        })
        .await;
    for peer in [OTHER, "127.0.0.1"] {
        let page = ask(&public, peer, &named).await;
        assert_eq!((page.status, reader(&page)), (StatusCode::OK, ""), "{peer}");
        assert!(!page.text().contains("action=\"/triage"), "{peer}");
    }
    // A server without such a proxy knows no such header.
    let none = site.client().await;
    assert_eq!(
        ask(&none, PROXY, &named).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_proxy_on_this_machine_does_not_make_everybody_its_owner() {
    let site = Site::demo();
    let c = behind(&site, "127.0.0.1").await;
    for headers in [&[(USER, "")][..], &[], &[(USER, "  ")], &[(GROUPS, "ops")]] {
        let page = ask(&c, "127.0.0.1", headers).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    assert_eq!(
        reader(&ask(&c, "127.0.0.1", &[(USER, "ada")]).await),
        "ada</b> (read only)"
    );
    // Whatever name the proxy is reached by.
    let host = [("host", "uptick.example.org"), (USER, "ada")];
    assert_eq!(ask(&c, "127.0.0.1", &host).await.status, StatusCode::OK);
}

/// A page of another site whose name resolves to this machine writes any header it likes.
#[tokio::test]
async fn a_proxy_on_this_machine_is_believed_under_the_names_that_people_reach_it_by() {
    let site = Site::demo();
    let c = site
        .served_with(|o| {
            o.proxy = proxy("127.0.0.1");
            o.public_url = Some("https://Uptick.example.org:8443/perf".into());
        })
        .await;
    for (host, status) in [
        ("uptick.example.org:8443", StatusCode::OK),
        ("uptick.example.org", StatusCode::OK),
        ("127.0.0.1:8787", StatusCode::OK),
        ("[::1]:8787", StatusCode::OK),
        ("evil.example.org:8787", StatusCode::MISDIRECTED_REQUEST),
        ("example.org", StatusCode::MISDIRECTED_REQUEST),
    ] {
        for named in [
            &[("host", host), (USER, "ada")][..],
            &[
                ("host", host),
                (USER, "ada"),
                ("x-forwarded-for", "192.0.2.1"),
            ],
        ] {
            assert_eq!(
                ask(&c, "127.0.0.1", named).await.status,
                status,
                "{named:?}"
            );
        }
    }
}

/// Whoever may do nothing by their name may do what a token of theirs may.
#[tokio::test]
async fn a_token_signs_in_whom_the_proxy_lets_do_nothing() {
    let site = Site::demo();
    let (_, write) = site.mint(Scope::Write);
    let cookie = format!("uptick_token={write}");
    for public in [false, true] {
        let c = site
            .served_with(|o| {
                o.proxy = proxy_with("none", PROXY);
                o.public = public;
            })
            .await;
        let signed_in = [(USER, "ada"), ("cookie", cookie.as_str())];
        let page = ask(&c, PROXY, &signed_in).await;
        assert_eq!(
            (page.status, reader(&page)),
            (StatusCode::OK, "write</b> (may write)")
        );
        let account = send(&c, (PROXY, Method::GET, "/login"), &signed_in, "").await;
        assert!(account.text().contains("/logout"), "{}", account.text());
        // One of long ago takes nothing from them, and their groups count as before.
        let old = [(USER, "ada"), ("cookie", "uptick_token=old")];
        let without = if public {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(ask(&c, PROXY, &old).await.status, without);
        let group = [(USER, "ada"), (GROUPS, "ops"), ("cookie", cookie.as_str())];
        assert_eq!(
            reader(&ask(&c, PROXY, &group).await),
            "ada</b> (may do everything)"
        );
    }
}

#[tokio::test]
async fn headers_that_do_not_say_one_thing_let_nobody_in() {
    let site = Site::demo();
    let c = behind(&site, PROXY).await;
    let long = "x".repeat(101);
    for headers in [
        &[(USER, "ada"), (USER, "ada")][..],
        &[(USER, "ada"), (USER, "")],
        &[(USER, ""), (USER, "root")],
        &[(USER, "ada\troot")],
        &[(USER, "ada\u{202e}toor")],
        &[(USER, long.as_str())],
        &[(USER, "ada"), (GROUPS, "x"), (GROUPS, "ops")],
        &[(USER, "ada"), (GROUPS, "x\tops")],
    ] {
        let page = ask(&c, PROXY, headers).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{headers:?}");
        assert!(page.text().contains("Nobody was let in"), "{}", page.text());
        let form = format!("event={}&state=noise", site.open_event());
        let posted = send(&c, (PROXY, Method::POST, "/triage"), headers, &form).await;
        assert_eq!(posted.status, StatusCode::BAD_REQUEST, "{headers:?}");
    }
    assert_eq!(site.state_of(&site.open_event()), "new");
    // What needs nobody goes on.
    let health = (PROXY, Method::GET, "/healthz");
    let twice = [(USER, "a"), (USER, "b")];
    assert_eq!(send(&c, health, &twice, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_counts_more_than_the_header_and_the_header_more_than_a_cookie() {
    let site = Site::demo();
    let c = behind(&site, PROXY).await;
    let (_, write) = site.mint(Scope::Write);
    let bearer = format!("Bearer {write}");
    let cookie = format!("uptick_token={write}");
    let person = [(USER, "ada"), (GROUPS, "ops")];
    let shown = ask(
        &c,
        PROXY,
        &[person[0], person[1], ("authorization", &bearer)],
    )
    .await;
    assert_eq!(reader(&shown), "write</b> (may write)");
    let kept = ask(&c, PROXY, &[person[0], ("cookie", &cookie)]).await;
    assert_eq!(reader(&kept), "ada</b> (read only)");
    let alone = ask(&c, PROXY, &[("cookie", &cookie)]).await;
    assert_eq!(reader(&alone), "write</b> (may write)");
    // A token that is none opens nothing, whatever stands beside it.
    let wrong = [person[0], person[1], ("authorization", "Bearer upt_wrong")];
    assert_eq!(
        ask(&c, PROXY, &wrong).await.status,
        StatusCode::UNAUTHORIZED
    );
    // From elsewhere the token counts, and the header says nothing.
    let elsewhere = ask(&c, OTHER, &[person[0], ("authorization", &bearer)]).await;
    assert_eq!(reader(&elsewhere), "write</b> (may write)");
}

#[tokio::test]
async fn decisions_carry_the_name_and_are_refused_where_another_site_made_them() {
    let site = Site::demo();
    let c = behind(&site, PROXY).await;
    let id = site.open_event();
    let form = format!("event={id}&state=acknowledged&assignee=ada");
    let post = (PROXY, Method::POST, "/triage");
    let ada = [(USER, "ada"), (GROUPS, "devs")];
    let refused = StatusCode::FORBIDDEN;
    for (more, status) in [
        (("sec-fetch-site", "cross-site"), refused),
        (("sec-fetch-site", "same-site"), refused),
        (("origin", "https://evil.example.org"), refused),
        (("sec-fetch-site", "same-origin"), StatusCode::SEE_OTHER),
    ] {
        let answer = send(&c, post.clone(), &[ada[0], ada[1], more], &form).await;
        assert_eq!(answer.status, status, "{more:?}");
        let state = if status == refused {
            "new"
        } else {
            "acknowledged"
        };
        assert_eq!(site.state_of(&id), state, "{more:?}");
    }
    let reads = send(&c, post, &ada[..1], &format!("event={id}&state=noise")).await;
    assert_eq!(reads.status, refused);
    assert!(
        reads
            .text()
            .contains("ada, whom the proxy in front signed in")
    );
    let log = send(&c, (PROXY, Method::GET, "/log"), &ada, "").await;
    assert!(log.text().contains("<b>ada</b>"), "{}", log.text());
    let mine = send(
        &c,
        (PROXY, Method::GET, "/changes.json?owner=mine"),
        &ada,
        "",
    )
    .await;
    assert!(mine.text().contains("\"total\":1") && mine.text().contains(&id));
}
