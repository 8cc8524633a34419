//! Flame graphs and charts by mouse, by keyboard and by touch.

use fantoccini::key::Key;
use serde_json::json;

use super::driver::{Browser, Scheme};
use crate::support::Site;

/// The functions of parse/large over the commit that regressed it.
fn functions(site: &Site) -> String {
    let (base, head) = site.around("Split Lexer");
    format!("/functions/{}/{base}..{head}", site.series("parse/large"))
}

fn key(k: Key) -> String {
    char::from(k).to_string()
}

/// That the frame at full width is called so, with its whole name as the label.
fn widest_is(name: &str) -> String {
    format!(
        "const wide = [...document.querySelectorAll('.flamegraph a:not(.above)')][0];
         return Number(wide.querySelector('rect').getAttribute('width')) > 1100
             && wide.querySelector('text').textContent.endsWith('{name}')"
    )
}

/// Zoom by a click and by keys: labels have room for whole names, and Back undoes each step.
#[tokio::test]
async fn a_frame_is_zoomed_in_on_and_back_undoes_it() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go(&functions(&site)).await;
    b.see("#flame h2", "Flame graph").await;
    b.until("a marker", "window.stays = 1; return true").await;
    let string = "lexis::lex::Lexer::string";
    b.until(
        "a click on a frame",
        "[...document.querySelectorAll('.flamegraph a')].find(a => a.textContent.startsWith('lexis::lex::Lexer::string'))
             .dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true })); return true",
    )
    .await;
    b.at("focus=").await;
    b.until("that frame at full width", &widest_is(string))
        .await;
    b.see(".cursor", string).await;
    // The way back stands above; what was removed beside it was named, and is not in this frame.
    assert_eq!(b.count(".flamegraph a.above").await, 6);
    b.until("back", "history.back(); return true").await;
    b.until("the whole graph", &widest_is("all")).await;
    b.see(".flameview", "Removed: Lexer::peek").await;
    b.until("forward", "history.forward(); return true").await;
    b.until("that frame again", &widest_is(string)).await;
    // By keys: two callees down from the first frame, and in.
    b.keys("body", "0").await;
    b.until("the whole graph", &widest_is("all")).await;
    let down = key(Key::Down);
    b.keys(".flamegraph a[data-i='0']", &down.repeat(2)).await;
    b.keys_here(&key(Key::Enter)).await;
    b.until("the parser", &widest_is("Parser::document")).await;
    b.until(
        "the focus where it was",
        "return document.activeElement.matches('.flamegraph a:not(.above)')",
    )
    .await;
    b.until("the same document", "return window.stays === 1")
        .await;
    b.finish().await;
}

/// What is typed is searched for as one types, is one step back, and stays through a zoom.
#[tokio::test]
async fn a_search_of_a_flame_graph_stands_in_the_address() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go(&functions(&site)).await;
    b.see("#flame h2", "Flame graph").await;
    let before = b.number("return history.length").await;
    b.keys("body", "/").await;
    b.keys_here("lex").await;
    b.see(".flamefound", "with “lex”").await;
    b.keys_here("er").await;
    b.see(".flamefound", "4 functions with “lexer”").await;
    b.see(".flamefound", "% of the cost before").await;
    b.at("q=lexer").await;
    b.until(
        "the field still has the focus",
        "return document.activeElement.matches('.flamesearch')",
    )
    .await;
    assert_eq!(b.number("return history.length").await, before + 1.0);
    assert_eq!(b.count(".flamegraph a.match").await, 4);
    b.keys(".flamegraph a.match", &key(Key::Enter)).await;
    b.at("focus=").await;
    b.at("q=lexer").await;
    b.until("the match at full width", &widest_is("Lexer::next"))
        .await;
    b.until("twice back", "history.go(-2); return true").await;
    b.until(
        "no search",
        "return !document.querySelector('.flamefound') && !location.search && !document.querySelector('.flamesearch').value",
    )
    .await;
    b.finish().await;
}

/// From a row of the table to its frame, and to who calls it.
#[tokio::test]
async fn rows_of_functions_lead_to_their_frames_and_callers() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.look(Scheme::Light, 360).await;
    b.go(&functions(&site)).await;
    b.click_text(".functions a", "Lexer::peek", 0).await;
    b.until("its frame", &widest_is("Lexer::peek")).await;
    b.click_text(".functions a", "callers", 0).await;
    b.at("of=").await;
    b.see(".choice a[aria-current]", "around Lexer::next").await;
    b.until(
        "its callers above it",
        "const y = (w) => Number([...document.querySelectorAll('.flamegraph a')].find(a => a.textContent.startsWith(w)).querySelector('rect').getAttribute('y'));
         return y('lexis::run') < y('lexis::parse::Parser::object') && y('lexis::parse::Parser::object') < y('lexis::lex::Lexer::next')
             && y('lexis::lex::Lexer::next') < y('lexis::lex::Lexer::string')",
    )
    .await;
    b.finish().await;
}

async fn finger(b: &Browser, kind: &str, at: &[(f64, f64)]) {
    let points = at.iter().map(|(x, y)| json!({ "x": x, "y": y }));
    let points: Vec<serde_json::Value> = points.collect();
    let event = json!({ "type": kind, "touchPoints": points });
    b.cdp("Input.dispatchTouchEvent", event).await;
}

/// A finger that goes from one place to another at once.
async fn swipe(b: &Browser, from: (f64, f64), to: (f64, f64)) {
    finger(b, "touchStart", &[from]).await;
    for i in 1..=8 {
        let part = f64::from(i) / 8.0;
        let at = (
            from.0 + (to.0 - from.0) * part,
            from.1 + (to.1 - from.1) * part,
        );
        finger(b, "touchMove", &[at]).await;
    }
    finger(b, "touchEnd", &[]).await;
}

/// A finger that moves over the chart scrolls, and selects nothing.
#[tokio::test]
async fn a_finger_scrolls_over_a_chart_and_selects_nothing() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.look(Scheme::Light, 360).await;
    b.cdp(
        "Emulation.setTouchEmulationEnabled",
        json!({ "enabled": true }),
    )
    .await;
    b.go(&format!("/series/{}", site.series("parse/large")))
        .await;
    b.see(".cursor", "Tap a commit; hold").await;
    let top = "return document.querySelector('.chart').getBoundingClientRect().top + 60";
    let y = b.number(top).await;
    swipe(&b, (180.0, y), (180.0, y - 250.0)).await;
    b.until("the page scrolled", "return scrollY > 150").await;
    let nothing = "return document.querySelector('.selection').getAttribute('width') === '0'";
    b.until("nothing selected", nothing).await;
    b.see(".cursor", "Tap a commit; hold").await;
    b.until("the top again", "scrollTo(0, 0); return scrollY === 0")
        .await;
    // Sideways too: the newest commits are at the right end.
    let left = "return document.querySelector('figure.wide').scrollLeft";
    let before = b.number(left).await;
    let y = b.number(top).await;
    swipe(&b, (120.0, y), (300.0, y)).await;
    b.until("earlier commits", &format!("{} < {before} - 80", left))
        .await;
    b.until("nothing selected", nothing).await;
    b.finish().await;
}

/// A finger that is held still, then dragged, selects a range; the page stays where it is.
#[tokio::test]
async fn a_finger_that_is_held_selects_a_range() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.look(Scheme::Light, 360).await;
    b.cdp(
        "Emulation.setTouchEmulationEnabled",
        json!({ "enabled": true }),
    )
    .await;
    b.go(&format!("/series/{}", site.series("parse/large")))
        .await;
    b.see(".cursor", "Tap a commit; hold").await;
    let y = b
        .number("return document.querySelector('.chart').getBoundingClientRect().top + 60")
        .await;
    let left = "return document.querySelector('figure.wide').scrollLeft";
    let before = b.number(left).await;
    finger(&b, "touchStart", &[(120.0, y)]).await;
    b.see("#live", "Drag to select a range").await;
    for i in 1..=8 {
        finger(
            &b,
            "touchMove",
            &[(120.0 + 15.0 * f64::from(i), y + f64::from(i))],
        )
        .await;
    }
    finger(&b, "touchEnd", &[]).await;
    b.see(".cursor a", "Zoom in").await;
    b.until(
        "a range of some width",
        "return Number(document.querySelector('.selection').getAttribute('width')) > 500",
    )
    .await;
    assert_eq!(b.number(left).await, before);
    b.until("the page where it was", "return scrollY === 0")
        .await;
    b.click_text(".cursor a", "Zoom in", 0).await;
    b.at("from=").await;
    b.see("figcaption", "Show all").await;
    b.finish().await;
}

/// After a drag the range is marked, and nothing is framed; its zoom keeps the axes.
#[tokio::test]
async fn a_drag_marks_a_range_and_leaves_no_frame() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go(&format!("/series/{}?x=date", site.series("parse/large")))
        .await;
    b.see(".cursor", "Point at a commit").await;
    // Keys first, so that the browser thinks the reader uses them.
    b.keys(".chart", &key(Key::End)).await;
    b.see(".cursor", "instructions").await;
    b.see(".cursor", "2026-").await;
    let y = b
        .number("return document.querySelector('.chart').getBoundingClientRect().top + 60")
        .await;
    for (kind, x) in [
        ("mousePressed", 500.0),
        ("mouseMoved", 560.0),
        ("mouseMoved", 700.0),
        ("mouseReleased", 700.0),
    ] {
        let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
        b.cdp("Input.dispatchMouseEvent", event).await;
        if kind == "mousePressed" {
            b.until(
                "the press",
                "return document.querySelector('.chart').matches('.pointed')",
            )
            .await;
        }
    }
    b.see(".cursor", "Zoom in").await;
    b.until(
        "no frame",
        "return getComputedStyle(document.querySelector('.chart')).outlineStyle === 'none'",
    )
    .await;
    b.click_text(".cursor a", "Zoom in", 0).await;
    b.at("from=").await;
    b.at("x=date").await;
    b.see(".choice a[aria-current]", "by date").await;
    b.finish().await;
}
