//! The dashboard as a person uses it: in Chromium, by mouse, by keyboard, on a telephone, in the
//! dark, and read aloud. Nothing sleeps: each step polls for what it waits for.
//!
//! Needs `chromium` and `chromedriver`. Without them these tests say so and pass, unless
//! `REQUIRE_BROWSER=1` is set, as `ci/test` does.

mod driver;

use fantoccini::key::Key;

use crate::support::Site;
use driver::{Browser, Scheme};

/// Opens a browser, or ends the test where there is none.
macro_rules! browser {
    ($running:expr) => {
        match Browser::open(&$running).await {
            Some(b) => b,
            None => return,
        }
    };
}

mod hands;
mod paper;
mod pictures;

/// Job a: did my commit regress? Two clicks. Job f: the proof to hand on. One more.
#[tokio::test]
async fn a_regression_is_two_clicks_away() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.see("h1", "new regressions").await;
    b.click_text(".group .open", "Compare", 1).await;
    b.see("h1", "Regression: 4 of").await;
    b.see("table", "parse/large").await;
    b.click_text("a", "Markdown", 0).await;
    b.see("body", "regressed").await;
    b.finish().await;
}

/// Job b: when, and who? One click; then the chart by keyboard.
#[tokio::test]
async fn a_series_is_read_by_keyboard() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.click_text(".members a", "parse/large", 0).await;
    b.see("h2", "Changes").await;
    b.see("table", "Split Lexer::next").await;
    // The script has come.
    b.see(".cursor", "Point at a commit").await;
    b.keys(".chart", &char::from(Key::End).to_string()).await;
    b.see(".cursor", "instructions").await;
    let left = char::from(Key::Left).to_string();
    b.keys(".chart", &left).await;
    b.see(".cursor", "from the commit before").await;
    let select = format!("{}{}", char::from(Key::Shift), left.repeat(6));
    b.keys(".chart", &select).await;
    b.keys(".chart", &char::from(Key::Enter).to_string()).await;
    b.at("from=").await;
    b.see("figcaption", "Show all").await;
    b.keys(".chart", &char::from(Key::Escape).to_string()).await;
    b.see("figcaption", "last 50").await;
    b.finish().await;
}

/// Job c: which function? Two clicks, the table before the picture.
#[tokio::test]
async fn the_function_is_named_before_the_picture() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.click_text(".group .open", "Compare", 1).await;
    b.click_text("td a", "Functions", 0).await;
    b.see(".functions tbody tr:first-child", "Lexer::next")
        .await;
    b.see(".functions", "removed").await;
    b.finish().await;
}

/// Job d: is the suite healthy? One key sequence, one click.
#[tokio::test]
async fn health_is_a_key_away() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.keys("body", "gh").await;
    b.see("h1", "8 series need a look, 46 fine").await;
    b.click_text(".suite thead a", "Noise σ", 0).await;
    b.see("tbody tr:first-child", "io/watch").await;
    b.see("tbody tr:first-child", "noisy").await;
    b.click_text(".states a", "1 drifting", 0).await;
    b.see(".suite tbody", "% a commit").await;
    b.finish().await;
}

/// Job e: triage with one key per state, and back.
#[tokio::test]
async fn triage_needs_no_mouse() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.keys("body", "j").await;
    b.until(
        "marked",
        "return document.querySelectorAll('.group.current').length === 1",
    )
    .await;
    b.keys_here("a").await;
    b.see(".state.acknowledged", "acknowledged").await;
    b.see(".log", "somebody at this machine").await;
    b.keys("body", "u").await;
    b.see(".log", "undone").await;
    // Several at once, by selection.
    b.keys("body", "jx").await;
    b.until(
        "selected",
        "return document.querySelectorAll('[form=bulk]:checked').length === 1",
    )
    .await;
    b.keys_here("w").await;
    b.see(".log li:first-child", "accepted").await;
    b.finish().await;
}

/// Deciding where the change is read: on a commit's page, by keys; fixed asks for the commit, and
/// whoever signed in takes a change on.
#[tokio::test]
async fn a_commit_is_triaged_on_its_own_page_by_keys() {
    let site = Site::demo();
    let (_, head) = site.around("Split Lexer");
    let (_, token) = site.mint(collector::store::Scope::Write);
    let running = site.serve().await;
    let b = browser!(running);
    let page = format!("/commit/{head}");
    b.go("/login").await;
    let enter = char::from(Key::Enter).to_string();
    b.keys("#token", &format!("{token}{enter}")).await;
    b.see(".who", "signed in as write").await;
    b.go(&page).await;
    b.see(".decide .group", "in 5 series").await;
    b.keys("body", "f").await;
    b.see("#live", "Nothing is selected").await;
    // The rows of the table come first, then the group.
    b.keys("body", "jjjjj").await;
    b.until(
        "the group is marked",
        "return !!document.querySelector('.decide .group.current')",
    )
    .await;
    b.keys_here("t").await;
    b.see(".decide .person", "@write").await;
    b.keys_here("f").await;
    b.see("#live", "Which commit fixed it?").await;
    let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    let newest = newest.sha.short();
    b.keys_here(&format!("{newest}{enter}")).await;
    b.see(".decide .state.fixed_by", "fixed by").await;
    b.see(".decide .note", "Fixed by").await;
    b.at(&page).await;
    b.keys("body", "u").await;
    b.see(".decide .state.new", "new").await;
    b.click_text(".who button", "Sign out", 0).await;
    b.at("/login").await;
    b.finish().await;
}

/// A stray letter decides nothing, an empty press says why, and suggestions come as one types.
#[tokio::test]
async fn a_stray_letter_decides_nothing_and_typing_suggests() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.see(".group", "in 2 series").await;
    let before = b.count(".log li").await;
    for key in ["n", "w", "f"] {
        b.keys("body", key).await;
        b.see("#live", "Nothing is selected").await;
    }
    b.keys("#bulk button[value=noise]", " ").await;
    b.see("#live", "tick the boxes").await;
    assert_eq!(b.count(".log li").await, before);
    b.keys("#find", "PARSE/L").await;
    b.until(
        "suggestions",
        "return [...document.querySelectorAll('#suggested option')].some(o => o.value === 'parse/large')",
    )
    .await;
    b.keys_here(&char::from(Key::Enter).to_string()).await;
    b.see("h1", "parse/large").await;
    b.finish().await;
}

/// Two groups that have one cause become one by keys, and two again.
#[tokio::test]
async fn groups_are_merged_and_split_by_keys() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.see(".group", "in 2 series").await;
    let before = b.count(".group").await;
    b.keys("body", "m").await;
    b.see("#live", "Nothing is selected").await;
    b.keys("body", "jx").await;
    b.keys_here("j").await;
    b.keys_here("x").await;
    b.until(
        "two selected",
        "return document.querySelectorAll('[form=bulk]:checked').length === 2",
    )
    .await;
    b.keys_here("m").await;
    b.see(".log", "put 7 series into one group").await;
    assert_eq!(b.count(".group").await, before - 1);
    b.see(".group .tag", "by hand").await;
    // One series of the group leaves it.
    b.keys(".group .pick input", " ").await;
    b.keys_here("s").await;
    b.see(".log", "split 1 series off").await;
    assert_eq!(b.count(".group").await, before);
    b.keys("body", "u").await;
    b.see(".log", "took a decision back").await;
    assert_eq!(b.count(".group").await, before - 1);
    b.finish().await;
}

/// A range of commits, selected on the chart, leads to its list; the chart is kept as a PNG.
#[tokio::test]
async fn a_range_of_a_chart_leads_to_its_commits_and_the_chart_to_a_picture() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go(&format!("/series/{}", site.series("parse/large")))
        .await;
    b.until(
        "the name of a picture",
        "HTMLAnchorElement.prototype.click = function () { window.kept = this; }; return true",
    )
    .await;
    b.click_text("figcaption button", "Save PNG", 0).await;
    b.until(
        "a picture",
        "return !!window.kept && window.kept.download === 'parse-large.png'",
    )
    .await;
    // Not an empty sheet: the line's blue is on it.
    b.until(
        "a line on it",
        "if (!window.seen) { window.seen = new Image(); window.seen.src = window.kept.href; }
         if (!window.seen.complete) return false;
         const c = document.createElement('canvas'); c.width = window.seen.width; c.height = window.seen.height;
         const d = c.getContext('2d'); d.drawImage(window.seen, 0, 0);
         const p = d.getImageData(0, 0, c.width, c.height).data; let n = 0;
         for (let i = 0; i < p.length; i += 4) if (p[i] < 20 && Math.abs(p[i + 1] - 114) < 20 && p[i + 2] > 150) n++;
         return n > 1000",
    )
    .await;
    b.keys(".chart", "").await;
    b.see(".cursor", "instructions").await;
    let left = char::from(Key::Left).to_string();
    b.keys(
        ".chart",
        &format!("{}{}", char::from(Key::Shift), left.repeat(5)),
    )
    .await;
    b.click_text(".cursor a", "Commits", 0).await;
    b.at("/commits?from=").await;
    b.see("h1", "Measured commits from").await;
    assert_eq!(b.count("tbody tr:not(.gap)").await, 6);
    b.finish().await;
}

/// A report that another process stores shows without a reload.
#[tokio::test]
async fn news_arrive_by_themselves() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/commits").await;
    b.see("table", "Compare").await;
    b.until("marker", "window.stays = 1; return true").await;
    site.put_elsewhere();
    b.see("table", "A report from afar").await;
    b.until("same document", "return window.stays === 1").await;
    b.finish().await;
}

/// Whoever selects is not disturbed, and is told so until they are done.
#[tokio::test]
async fn news_wait_for_whoever_selects() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.keys("body", "jx").await;
    b.until(
        "selected",
        "return document.querySelectorAll('[form=bulk]:checked').length === 1",
    )
    .await;
    site.put_elsewhere();
    b.see("#live", "There is news").await;
    // Longer than other words stay.
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;
    b.see("#live", "There is news").await;
    b.until(
        "the page of before",
        "return !document.querySelector('.verdict').textContent.includes('A report from afar')",
    )
    .await;
    b.keys_here("x").await;
    b.see(".verdict", "A report from afar").await;
    b.finish().await;
}

/// News that are on their way when somebody begins to select take nothing out of their hands.
#[tokio::test]
async fn news_on_their_way_leave_a_selection_alone() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    // The answer is held back until the test lets it go.
    b.until(
        "held back",
        "const real = window.fetch; const gate = new Promise((go) => { window.let_go = go; });
         window.fetch = async (...all) => {
           window.asked = true; const answer = await real(...all); await gate; return answer; };
         return true",
    )
    .await;
    site.put_elsewhere();
    b.until("asked for", "return window.asked === true").await;
    b.keys("body", "jx").await;
    let selected = "return document.querySelectorAll('[form=bulk]:checked').length === 1";
    b.until("selected", selected).await;
    b.until("let go", "window.let_go(); return true").await;
    b.see("#live", "There is news").await;
    b.until("still selected", selected).await;
    b.keys_here("x").await;
    b.see(".verdict", "A report from afar").await;
    b.finish().await;
}

/// Every page, in both schemes and on a telephone: axe finds nothing serious, nothing is wider
/// than the screen, and a picture is kept for people to look at.
#[tokio::test]
async fn pages_are_accessible_in_light_dark_and_on_a_telephone() {
    let site = Site::demo();
    let series = site.series("parse/large");
    let (small, lex) = (site.series("parse/small"), site.series("lex/unicode"));
    let (base, head) = site.around("Split Lexer");
    let running = site.serve().await;
    let b = browser!(running);
    let pages = [
        ("today", "/".to_string()),
        ("health", "/health".into()),
        ("series", format!("/series/{series}")),
        ("compare", format!("/compare/{base}..{head}")),
        ("functions", format!("/functions/{series}/{base}..{head}")),
        ("commit", format!("/commit/{head}")),
        ("commits", "/commits".into()),
        ("changes", "/changes".into()),
        ("log", "/log".into()),
        ("channels", "/channels".into()),
        ("help", "/help".into()),
        ("login", "/login".into()),
        ("search", "/search?q=parse".into()),
        ("branch", "/branch?name=faster-lexer".into()),
        ("together", format!("/series/{series}?with={small},{lex}")),
        ("gather", format!("/series?id={series}&q=lex")),
        ("choose", "/compare".into()),
        ("missing", "/commit/ffffffff".into()),
    ];
    let mut found = Vec::new();
    for (scheme, width) in [
        (Scheme::Light, 1280),
        (Scheme::Dark, 1280),
        (Scheme::Light, 360),
        (Scheme::Dark, 360),
    ] {
        b.look(scheme, width).await;
        for (name, url) in &pages {
            b.go(url).await;
            found.extend(
                b.audit()
                    .await
                    .into_iter()
                    .map(|v| format!("{name} {scheme:?} {width}: {v}")),
            );
            let wide = b.number("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            if wide > 0.0 {
                found.push(format!(
                    "{name} {scheme:?} {width}: {wide} px wider than the screen"
                ));
            }
            b.picture(&format!("{name}-{}-{width}", scheme.name()))
                .await;
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    b.finish_with(&["/commit/ffffffff"]).await;
}
