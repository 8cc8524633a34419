//! Deciding about changes wherever they are shown, who may, whose they are, and two at once.

use axum::http::{HeaderName, Method, StatusCode, header};
use std::collections::BTreeSet;

use collector::config::Config;
use collector::history::{self, Floor, MainLine, steps, tracks};
use collector::store::{Scope, Triage};
use serde_json::Value;

use crate::support::{Answer, Client, Site};

/// Somebody with a token, as their browser shows it.
struct Person {
    cookie: String,
}

impl Person {
    fn new(site: &Site, name: &str, scope: Scope) -> Self {
        let minted = uptick_dashboard::mint().unwrap();
        let mut store = site.store();
        store.add_token(name, scope, &minted.hash, 0, None).unwrap();
        Self {
            cookie: format!("uptick_token={}", minted.token),
        }
    }

    async fn get(&self, c: &Client, url: &str) -> Answer {
        c.send(Method::GET, url, &[(header::COOKIE, &self.cookie)], b"")
            .await
    }

    async fn post(&self, c: &Client, (url, form): (&str, &str), from: &str) -> Answer {
        let referer = format!("http://localhost:8787{from}");
        let headers: [(HeaderName, &str); 2] =
            [(header::COOKIE, &self.cookie), (header::REFERER, &referer)];
        c.send(Method::POST, url, &headers, form.as_bytes()).await
    }
}

/// The identities of the changes of each group: as `uptick changes` lists what is open.
fn groups_of_the_command(site: &Site) -> BTreeSet<BTreeSet<String>> {
    let (store, line) = (site.store(), MainLine::default());
    let find = |t: history::Track| {
        let known = store.events_of(&t.key.id()).unwrap();
        steps::find(t, known, Floor::default())
    };
    let all = tracks(&store, &line, &|k| k.metric.is_judged()).unwrap();
    let found: Vec<steps::Found> = all.into_iter().map(find).collect();
    let moment = history::moment(&store, 1_800_000_000).unwrap();
    let d = steps::Steps::at(&found, &line, &moment);
    let is_open = |id: &String| d.all().any(|(_, s)| s.open && s.id == *id);
    let all = d.groups.iter().map(|g| g.changes.iter().cloned().collect());
    all.filter(|g: &BTreeSet<String>| g.iter().any(is_open))
        .collect()
}

/// The same as Today has them.
async fn groups_of_the_page(c: &Client) -> BTreeSet<BTreeSet<String>> {
    let today: Value = serde_json::from_str(c.get("/today.json").await.text()).unwrap();
    let id = |e: &Value| e["event"]["id"].as_str().unwrap().to_owned();
    let ids = |g: &Value| g["changes"].as_array().unwrap().iter().map(id).collect();
    today["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(ids)
        .collect()
}

#[tokio::test]
async fn what_was_merged_split_or_snoozed_is_so_for_the_command_too() {
    let site = Site::demo();
    let c = site.client().await;
    let before = groups_of_the_page(&c).await;
    assert_eq!(groups_of_the_command(&site), before);
    let mut few: Vec<String> = before.iter().flatten().take(3).cloned().collect();
    let decide = |events: &[String], what: Triage| {
        let events = events.to_vec();
        let what = Triage { events, ..what };
        site.store().decide(&what, "ada", 1).unwrap().unwrap();
    };
    let regroup = true;
    decide(
        &few[..2],
        Triage {
            regroup,
            ..Triage::default()
        },
    );
    let merged = groups_of_the_page(&c).await;
    assert!(merged.contains(&few[..2].iter().cloned().collect()) && merged != before);
    assert_eq!(groups_of_the_command(&site), merged);
    let snooze = Some("2999-01-01".into());
    let last = few.pop().unwrap();
    decide(
        std::slice::from_ref(&last),
        Triage {
            snooze,
            ..Triage::default()
        },
    );
    let less = groups_of_the_page(&c).await;
    assert!(!less.iter().flatten().any(|id| *id == last));
    assert_eq!(groups_of_the_command(&site), less);
}

/// The pages that show the change of `parse/large` which a commit caused.
fn pages(site: &Site) -> [String; 4] {
    let (base, head) = site.around("Split Lexer");
    [
        "/".into(),
        format!("/series/{}", site.series("parse/large")),
        format!("/commit/{head}"),
        format!("/compare/{base}..{head}"),
    ]
}

/// What a form of a page says that it is about, the one that holds a change.
fn form_about(page: &Answer, id: &str) -> String {
    let values = page.text().split("name=\"event\" value=\"").skip(1);
    let mut all = values.map(|v| v.split('"').next().unwrap().to_string());
    all.find(|v| v.contains(id)).unwrap()
}

async fn change(c: &Client, id: &str) -> Value {
    let list = c.get("/changes.json").await;
    let list: Value = serde_json::from_str(list.text()).unwrap();
    let all = list["changes"].as_array().unwrap().clone();
    all.into_iter().find(|r| r["event"]["id"] == id).unwrap()
}

fn the_change(site: &Site) -> String {
    let (_, head) = site.around("Split Lexer");
    let store = site.store();
    let at = store.commit(&head).unwrap().unwrap().position;
    let events = store.events_within(at, at, 99).unwrap();
    let found = events.into_iter().find(|e| {
        e.series.key.benchmark == "parse/large" && e.series.key.metric.name() == "instructions"
    });
    found.unwrap().reported.id
}

#[tokio::test]
async fn a_change_is_decided_about_on_every_page_that_shows_it() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let id = the_change(&site);
    for page in pages(&site) {
        let before = ada.get(&c, &page).await;
        let event = form_about(&before, &id);
        let form = format!("event={event}&state=acknowledged&note=on+{}", page.len());
        let posted = ada.post(&c, ("/triage", &form), &page).await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{page}");
        // Back to where one was: the form's own address ends in the group's place on the page.
        assert_eq!(posted.header("location"), page);
        assert!(before.text().contains("action=\"/triage#g"), "{page}");
        let after = ada.get(&c, &page).await;
        assert!(after.text().contains("state acknowledged"), "{page}");
        assert!(after.text().contains("<b>ada</b>"), "{page}");
        assert_eq!(site.state_of(&id), "acknowledged");
        let batch = after
            .text()
            .split("name=\"batch\" value=\"")
            .nth(1)
            .unwrap();
        let undo = format!("batch={}", batch.split('"').next().unwrap());
        ada.post(&c, ("/triage/undo", &undo), &page).await;
        assert_eq!(site.state_of(&id), "new", "{page}");
    }
}

#[tokio::test]
async fn who_may_only_read_is_told_so_and_sees_no_controls() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let eve = Person::new(&site, "eve", Scope::Read);
    let mut all = pages(&site).to_vec();
    all.push("/log".into());
    all.push("/channels".into());
    // Something that could be taken back.
    let form = format!("event={}&state=noise", the_change(&site));
    ada.post(&c, ("/triage", &form), "/").await;
    for page in &all {
        // The other's page was made before and is kept.
        let hers = ada.get(&c, page).await;
        assert!(
            hers.text().contains("signed in as <b>ada</b> (may write)"),
            "{page}"
        );
        let page_of_eve = eve.get(&c, page).await;
        let text = page_of_eve.text();
        assert!(
            text.contains("signed in as <b>eve</b> (read only)"),
            "{page}"
        );
        assert!(text.contains("action=\"/logout\""), "{page}");
        let controls = [
            "action=\"/triage",
            "type=\"checkbox\"",
            "form=\"bulk\"",
            "/channels/test",
        ];
        for control in controls {
            assert!(!text.contains(control), "{page}: {control}");
        }
        if page != "/channels" {
            assert!(hers.text().contains("action=\"/triage"), "{page}");
        }
        let again = ada.get(&c, page).await;
        assert_eq!(again.text(), hers.text(), "{page}");
    }
    for page in &pages(&site) {
        let text = eve.get(&c, page).await;
        assert!(
            text.text().contains("deciding takes a token of scope"),
            "{page}"
        );
    }
    let refused = eve.post(&c, ("/triage", &form), "/").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // Whoever needs no token to read is told where to bring one.
    let open = site.public().await.get("/").await;
    assert!(open.text().contains("reading without a token"));
    assert!(!open.text().contains("action=\"/triage"));
    let shut = site.read_only().await.get("/").await;
    assert!(shut.text().contains("for reading only") && !shut.text().contains("action=\"/triage"));
    // At this machine nobody signed in, and may do everything.
    let owner = site.client().await.get("/").await;
    assert!(!owner.text().contains("signed in as") && owner.text().contains("action=\"/triage#"));
}

#[tokio::test]
async fn a_wrong_token_gives_the_form_again_however_often_it_is_tried() {
    let site = Site::demo();
    let c = site.remote().await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let answer = c
            .send(Method::POST, "/login", &[], b"token=upt_wrong&to=%2Flog")
            .await;
        assert!(
            answer.text().contains("name=\"token\""),
            "{}",
            answer.text()
        );
        assert!(answer.text().contains("role=\"alert\""));
        assert!(answer.text().contains("name=\"to\" value=\"/log\""));
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[6], StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_later_of_two_is_told_what_the_earlier_decided() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let ben = Person::new(&site, "ben", Scope::Write);
    let id = the_change(&site);
    let page = pages(&site)[2].clone();
    let seen = form_about(&ben.get(&c, &page).await, &id);
    let first = format!("event={seen}&state=accepted&note=wanted");
    let posted = ada.post(&c, ("/triage", &first), &page).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    let second = format!("event={seen}&state=noise");
    for url in ["/triage", "/api/v1/triage"] {
        let late = ben.post(&c, (url, &second), &page).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{url}");
        assert!(late.text().contains("ada set "), "{}", late.text());
        assert!(late.text().contains("from new to accepted"));
        let again = format!("<a href=\"{page}\">Back to where");
        assert!(url.starts_with("/api") || late.text().contains(&again));
        assert_eq!(site.state_of(&id), "accepted");
    }
    // The same decision twice is no quarrel, and who has seen the first may decide otherwise.
    let same = format!("event={seen}&state=accepted");
    let posted = ben.post(&c, ("/triage", &same), &page).await;
    assert_eq!(posted.status, StatusCode::OK);
    assert!(posted.text().contains("Nothing was decided"));
    let seen = form_about(&ben.get(&c, &page).await, &id);
    let informed = format!("event={seen}&state=noise");
    ben.post(&c, ("/triage", &informed), &page).await;
    assert_eq!(site.state_of(&id), "noise");
    // A program that names changes alone is not asked what it saw.
    let bare = format!("event={id}&state=new");
    let posted = ada.post(&c, ("/api/v1/triage", &bare), "/").await;
    assert_eq!(posted.status, StatusCode::OK);
    assert_eq!(site.state_of(&id), "new");
}

#[tokio::test]
async fn fixed_asks_for_a_commit_and_keeps_it() {
    let site = Site::demo();
    let c = site.client().await;
    let id = the_change(&site);
    let seen = form_about(&c.get("/").await, &id);
    let form = format!("event={seen}&state=fixed_by&fixed=");
    let asked = c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.text().contains("Which commit fixed it?"));
    assert!(asked.text().contains("Nothing is decided yet"));
    let sorted = |ids: &str| {
        let mut all: Vec<String> = ids.split(',').map(str::to_owned).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&form_about(&asked, &id)), sorted(&seen));
    assert_eq!(site.state_of(&id), "new");
    for bad in ["abc", "main", "12345g"] {
        let form = format!("event={id}&state=fixed_by&fixed={bad}");
        let answer = c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // To name the commit is to say that it is fixed; one that was measured is kept whole.
    let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0).sha;
    let form = format!("event={id}&fixed={}", newest.short());
    c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(site.state_of(&id), "fixed_by");
    assert_eq!(change(&c, &id).await["event"]["fixed"], newest.0);
    let series = c.get(&pages(&site)[1]).await;
    let link = format!(
        "Fixed by <a class=\"sha\" href=\"/commit/{}\">",
        newest.short()
    );
    assert!(series.text().contains(&link));
    let form = format!("event={id}&fixed=DEADBEEF00");
    c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(change(&c, &id).await["event"]["fixed"], "deadbeef00");
    let series = c.get(&pages(&site)[1]).await;
    assert!(series.text().contains("which was not measured"));
    let csv = c.get("/changes.csv?state=fixed_by").await;
    assert!(csv.text().contains("deadbeef00"));
}

/// What a page's form sends by itself.
fn hidden(page: &Answer) -> Vec<(String, String)> {
    let all = page.text().split("<input type=\"hidden\" name=\"").skip(1);
    let parts = all.map(|part| part.split('"').collect::<Vec<_>>());
    let pairs = parts.map(|part| (part[0].to_owned(), part[2].replace("&amp;", "&")));
    pairs.collect()
}

/// Without a script the question is a page of its own, at an address that only takes forms: its
/// form says all that the first one said, and leads back to where that one was.
#[tokio::test]
async fn the_form_that_asks_for_the_commit_keeps_what_was_said_and_leads_back() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let id = the_change(&site);
    let page = format!("{}?y=zero&from=3", pages(&site)[1]);
    let event = form_about(&ada.get(&c, &page).await, &id);
    let form = format!(
        "event={event}&state=fixed_by&fixed=&note=see+%22this%22&assignee=eve&due=2026-12-31\
         &link=https://issues.example.org/7?a=1%26b=2"
    );
    let asked = ada.post(&c, ("/triage", &form), &page).await;
    assert_eq!(asked.status, StatusCode::OK);
    let back = format!("href=\"{}\"", page.replace('&', "&amp;"));
    assert!(asked.text().contains(&back), "{}", asked.text());
    let mut said = String::from("fixed=deadbeef00");
    for (name, value) in hidden(&asked) {
        let value = value.replace("&quot;", "%22").replace('&', "%26");
        said += &format!("&{name}={value}");
    }
    let decided = ada.post(&c, ("/triage", &said), "/triage").await;
    assert_eq!(decided.status, StatusCode::SEE_OTHER, "{}", decided.text());
    assert_eq!(decided.header("location"), page);
    assert_eq!(site.state_of(&id), "fixed_by");
    let store = site.store();
    let is_it = |e: &collector::store::Event| e.reported.id == id;
    let kept = store.closed_events(999).unwrap().into_iter().find(is_it);
    let kept = kept.unwrap().reported;
    assert_eq!(
        (kept.note.as_str(), kept.assignee.as_str()),
        ("see \"this\"", "eve")
    );
    assert_eq!(kept.link, "https://issues.example.org/7?a=1&b=2");
    assert_eq!(
        (kept.due.as_str(), kept.fixed.as_str()),
        ("2026-12-31", "deadbeef00")
    );
    // Nobody is led elsewhere, nor to an address that only takes forms.
    for (state, to) in [
        ("new", "&to=https%3A%2F%2Felsewhere"),
        ("noise", "&to=%2F%2Felsewhere"),
        ("new", ""),
    ] {
        let form = format!("event={id}&state={state}{to}");
        let decided = ada.post(&c, ("/triage", &form), "/triage").await;
        assert_eq!(decided.header("location"), "/", "{to}");
    }
}

#[tokio::test]
async fn a_list_that_is_kept_under_a_name_stands_on_its_page() {
    let site = Site::demo();
    let text =
        "[views]\n\"open ones\" = \"/changes?state=open\"\nblind = \"/health?state=blind\"\n";
    let config = Config::parse(text).unwrap();
    let c = site.served_with(|o| o.config = config).await;
    for (page, view, other) in [
        ("/changes", "/changes?state=open", "/health?state=blind"),
        ("/health", "/health?state=blind", "/changes?state=open"),
    ] {
        let link = |at: &str| format!("<a href=\"{at}\" aria-current=\"true\">");
        let there = c.get(page).await;
        let there = there.text();
        assert!(there.contains(&format!("<a href=\"{view}\">")), "{there}");
        let chosen = c.get(view).await;
        assert_eq!(chosen.status, 200, "{view}");
        let kept = chosen.text().split("aria-label=\"kept\"").nth(1).unwrap();
        let kept = kept.split("</div>").next().unwrap();
        assert!(
            kept.contains(&link(view)) && !kept.contains(other),
            "{kept}"
        );
    }
}

#[tokio::test]
async fn changes_have_owners_and_are_taken_on() {
    let site = Site::demo();
    let config = "[owners]\n\"parse/**\" = \"ada\"\n\"io/*\" = \"ben\"\n";
    let config = Config::parse(config).unwrap();
    let c = site
        .served_with(|o| {
            o.config = config;
            o.always_ask = true;
        })
        .await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let eve = Person::new(&site, "eve", Scope::Write);
    let id = the_change(&site);
    let list = async |who: &Person, query: &str| {
        let answer = who.get(&c, &format!("/changes.json?{query}")).await;
        let list: Value = serde_json::from_str(answer.text()).unwrap();
        let rows = list["changes"].as_array().unwrap();
        assert_eq!(rows.len() as u64, list["total"].as_u64().unwrap());
        let of = |r: &Value| {
            (
                r["event"]["id"].as_str().unwrap().to_owned(),
                r["carer"].clone(),
            )
        };
        rows.iter().map(of).collect::<Vec<_>>()
    };
    let hers = list(&ada, "owner=mine").await;
    assert!(hers.iter().any(|(i, _)| *i == id));
    assert!(hers.iter().all(|(_, carer)| carer == "ada"));
    assert_eq!(hers, list(&eve, "owner=ada").await);
    assert!(list(&eve, "owner=mine").await.is_empty());
    let all = list(&eve, "").await.len();
    let sum =
        hers.len() + list(&eve, "owner=ben").await.len() + list(&eve, "owner=nobody").await.len();
    assert_eq!(sum, all, "everything is somebody's or nobody's");
    for page in pages(&site) {
        assert!(
            ada.get(&c, &page).await.text().contains("owner ada"),
            "{page}"
        );
    }
    // Who has nothing is not told that all is settled, and hers in other forms is hers alone.
    let today = eve.get(&c, "/?owner=mine").await;
    let text = today.text();
    assert!(text.contains("Nothing of what is eve’s waits"), "{text}");
    assert!(text.contains(" are open that others care for"), "{text}");
    assert!(
        !text.contains("every step that lasted is settled"),
        "{text}"
    );
    let today = ada.get(&c, "/?owner=mine").await;
    for form in ["/today.json", "/today.csv", "/today.md", "/changes.atom"] {
        let link = format!("{form}?owner=ada");
        assert!(today.text().contains(&format!("href=\"{link}\"")), "{link}");
        let (part, whole) = (ada.get(&c, &link).await, ada.get(&c, form).await);
        assert!(part.text().len() < whole.text().len(), "{link}");
    }
    // Eve takes it on, by the button that has her name.
    let page = &pages(&site)[1];
    let shown = eve.get(&c, page).await;
    assert!(shown.text().contains("name=\"assignee\" value=\"eve\""));
    let form = format!(
        "event={}&assignee=&note=&assignee=eve&due=2026-12-31",
        form_about(&shown, &id)
    );
    eve.post(&c, ("/triage", &form), page).await;
    assert_eq!(list(&eve, "owner=mine").await, [(id.clone(), "eve".into())]);
    assert!(!list(&ada, "owner=mine").await.iter().any(|(i, _)| *i == id));
    let shown = eve.get(&c, page).await;
    assert!(shown.text().contains("@eve") && shown.text().contains("due 2026-12-31"));
    let today = eve.get(&c, "/?owner=mine").await;
    assert_eq!(today.text().matches("<article class=\"group").count(), 1);
    assert!(today.text().contains("of what is eve’s"));
    assert!(eve.get(&c, "/").await.text().contains("<b>1</b> mine"));
    let log = eve.get(&c, "/log").await;
    assert!(log.text().contains("assigned 1 series to <b>eve</b>"));
    let form = format!("event={id}&assignee=nobody&due=never");
    eve.post(&c, ("/triage", &form), page).await;
    assert!(list(&ada, "owner=mine").await.iter().any(|(i, _)| *i == id));
    for bad in ["due=soon", "due=2026-13-01"] {
        let form = format!("event={id}&{bad}");
        let answer = eve.post(&c, ("/triage", &form), page).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // The commit that a change came with cannot have mended it.
    let (_, own) = site.around("Split Lexer");
    let open = site.store().open_events(100).unwrap();
    let at = site.store().commit(&own).unwrap().unwrap().position;
    let of_it = open
        .iter()
        .find(|e| e.reported.event.change.first == at.cast_signed());
    let form = format!(
        "event={}&state=fixed_by&fixed={own}",
        of_it.unwrap().reported.id
    );
    let answer = eve.post(&c, ("/triage", &form), page).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text().contains("cannot have mended it"),
        "{}",
        answer.text()
    );
    // Nobody's own list is asked for without a name.
    let answer = site.client().await.get("/changes?owner=mine").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("owner=NAME"));
}

/// What is snoozed is not on Today until its day, or until so many commits came; it is shown where it
/// went, and comes back by itself.
#[tokio::test]
async fn a_snoozed_change_leaves_today_and_comes_back() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let ada = Person::new(&site, "ada", Scope::Write);
    let id = the_change(&site);
    let page = &pages(&site)[1];
    // As it is now: a page of just before would do for whoever only reads.
    let fresh = [
        (header::COOKIE, ada.cookie.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let today = async || {
        let today = c.send(Method::GET, "/", &fresh, b"").await;
        (
            today.text().contains(&id),
            today.text().contains("state=snoozed"),
        )
    };
    let listed = async || {
        let url = "/changes.json?state=snoozed";
        let list = c.send(Method::GET, url, &fresh, b"").await;
        list.text().contains(&id)
    };
    let snooze = async |until: &str| {
        let shown = ada.get(&c, page).await;
        let form = format!("event={}&snooze={until}", form_about(&shown, &id));
        ada.post(&c, ("/triage", &form), page).await.status
    };
    assert_eq!((today().await, listed().await), ((true, false), false));
    let (decided, nothing) = (StatusCode::SEE_OTHER, StatusCode::OK);
    for (until, words, answer) in [
        ("2999-01-01", "snoozed until 2999-01-01", decided),
        ("2", "snoozed for 2 more commits", decided),
        ("2+commits", "snoozed for 2 more commits", nothing),
    ] {
        assert_eq!(snooze(until).await, answer, "{until}");
        assert_eq!(
            (today().await, listed().await),
            ((false, true), true),
            "{until}"
        );
        assert!(ada.get(&c, page).await.text().contains(words), "{until}");
        let list = ada.get(&c, "/changes?state=snoozed").await;
        assert!(list.text().contains(words), "{until}");
        assert_eq!(site.state_of(&id), "new", "its state is what it was");
    }
    assert!(
        ada.get(&c, "/log")
            .await
            .text()
            .contains("snoozed until commit")
    );
    // One commit is not enough, two are.
    site.put_next(1.0);
    assert_eq!(today().await, (false, true));
    site.put_next_with(|r| r.commit.sha = collector::model::Sha("cd".repeat(20)));
    assert_eq!((today().await, listed().await), ((true, false), false));
    // Whoever wants it back says so.
    snooze("2999-01-01").await;
    assert_eq!(snooze("never").await, StatusCode::SEE_OTHER);
    assert_eq!(today().await, (true, false));
    for bad in [
        // A day that has come is a slip of the pen.
        "2020-01-01",
        "soon",
        "0",
        "-3",
        "2026-13-01",
        "9999999999",
        "2+weeks",
        "2+commits+more",
    ] {
        assert_eq!(snooze(bad).await, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_today_on_which_all_is_snoozed_says_so() {
    let site = Site::demo();
    let mut store = site.store();
    let open = store.open_events(usize::MAX).unwrap();
    let snoozed = Triage {
        events: open.into_iter().map(|e| e.reported.id).collect(),
        snooze: Some("2999-01-01".into()),
        ..Triage::default()
    };
    store.decide(&snoozed, "ada", 0).unwrap();
    let c = site.client().await;
    for (url, words) in [
        (
            "/",
            "every step that lasted is snoozed, settled or went back",
        ),
        ("/", "but for what is snoozed"),
        (
            "/?owner=eve",
            "Nobody has an open change that is not snoozed.",
        ),
    ] {
        let page = c.get(url).await;
        assert!(page.text().contains(words), "{url}: {}", page.text());
    }
}

/// A name that is also the word for something else is a name wherever it is one.
#[tokio::test]
async fn whoever_is_called_nobody_or_mine_is_somebody() {
    let site = Site::demo();
    let c = site.always_asking().await;
    let id = the_change(&site);
    let nobodys = async |who: &Person| {
        let list = who.get(&c, "/changes.json?owner=nobody").await;
        list.text().matches("\"carer\":null").count()
    };
    for name in ["nobody", "mine", "=mine"] {
        let person = Person::new(&site, name, Scope::Write);
        let unowned = nobodys(&person).await;
        let page = &pages(&site)[1];
        let shown = person.get(&c, page).await;
        let spelled = format!("={name}");
        let button = format!("name=\"assignee\" value=\"{spelled}\"");
        assert!(shown.text().contains(&button), "{name}");
        let form = format!("event={}&assignee=%3D{name}", form_about(&shown, &id));
        person.post(&c, ("/triage", &form), page).await;
        assert_eq!(change(&site.client().await, &id).await["carer"], name);
        assert_eq!(nobodys(&person).await, unowned - 1, "{name}");
        for owner in ["mine".to_string(), format!("%3D{name}")] {
            let url = format!("/changes.json?owner={owner}");
            let list = person.get(&c, &url).await;
            assert!(
                list.text().contains("\"total\":1"),
                "{url}: {}",
                list.text()
            );
            assert!(list.text().contains(&id), "{url}");
        }
        // The link at the change leads to what that person has, and a form asks for it again.
        let shown = person.get(&c, page).await;
        assert!(
            shown
                .text()
                .contains(&format!("owner=%3D{}", name.replace('=', "%3D")))
        );
        let fixed = format!("{form}&state=fixed_by");
        let asked = person.post(&c, ("/triage", &fixed), page).await;
        assert!(
            asked
                .text()
                .contains(&format!("name=\"assignee\" value=\"{spelled}\""))
        );
        let off = format!("event={id}&assignee=nobody");
        person.post(&c, ("/triage", &off), page).await;
        assert_eq!(
            change(&site.client().await, &id).await["carer"],
            Value::Null
        );
    }
}

/// To read changes nothing, whatever the address says.
#[tokio::test]
async fn reading_decides_nothing() {
    let site = Site::demo();
    let c = site.client().await;
    let id = the_change(&site);
    let before = c.get("/log.json").await;
    for url in [
        format!("/triage?event={id}&state=noise"),
        format!("/changes?event={id}&state=noise&assignee=eve"),
        format!("/?event={id}&assignee=eve"),
        format!("/api/v1/triage?event={id}&state=noise"),
    ] {
        c.get(&url).await;
    }
    assert_eq!(c.get("/log.json").await.text(), before.text());
    assert_eq!(site.state_of(&id), "new");
}

/// A decision that says several things at once is logged with all of them; one that changes
/// nothing is no decision.
#[tokio::test]
async fn the_log_says_all_that_a_decision_said() {
    let site = Site::demo();
    let c = site.client().await;
    let event = site.open_event();
    let said = "state=acknowledged&assignee=eve&due=2026-12-31&snooze=2999-01-01";
    let form = format!("event={event}&{said}");
    c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    let log = c.get("/log").await;
    let entry = log.text().split("<ol class=\"log\">").nth(1).unwrap();
    let entry = entry.split("</li>").next().unwrap();
    for words in [
        "acknowledged</span>",
        "assigned 1 series to <b>eve</b>",
        "due 2026-12-31",
        "snoozed until 2999-01-01",
    ] {
        assert!(entry.contains(words), "{words}: {entry}");
    }
    let json = [(header::ACCEPT, "application/json")];
    let again = c
        .send(Method::POST, "/triage", &json, form.as_bytes())
        .await;
    let again: Value = serde_json::from_str(again.text()).unwrap();
    assert!(again["batch"].is_null(), "{again}");
}
