//! What the reader has in hand: what is marked, ticked or typed, and where they are, stays theirs
//! whatever comes in; and pages that nobody sees hold no connection.

use collector::model::Sha;
use collector::store::{Scope, Triage};
use fantoccini::key::Key;

use super::driver::Browser;
use crate::support::Site;

#[tokio::test]
async fn enter_saves_what_was_typed_and_assigns_nobody() {
    let site = Site::demo();
    let (_, token) = site.mint(Scope::Write);
    let running = site.serve().await;
    let b = browser!(running);
    let enter = char::from(Key::Enter).to_string();
    b.go("/login").await;
    b.keys("#token", &format!("{token}{enter}")).await;
    b.see(".who", "signed in as write").await;
    b.go("/").await;
    b.click_text(".group summary", "Commit, assignee, note", 0)
        .await;
    b.keys(".group [name=note]", &format!("seen{enter}")).await;
    b.see(".log li:first-child", "added a note").await;
    b.see(".group .note", "seen").await;
    b.until(
        "nobody was assigned",
        "return !document.querySelector('.group').textContent.includes('@write')",
    )
    .await;
    b.finish().await;
}

#[tokio::test]
async fn the_mark_and_the_ticks_stay_on_what_they_were_on() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.keys("body", "j").await;
    b.keys_here("j").await;
    b.keys_here("x").await;
    b.until(
        "the second one is marked and ticked",
        "const all = [...document.querySelectorAll('.group')]; window.first = all[0].id; window.second = all[1].id;
         return all[1].matches('.current') && all[1].querySelector('header input').checked",
    )
    .await;
    // The group above goes, by its own button.
    b.until(
        "pressed",
        "document.getElementById(window.first).querySelector('button[value=noise]').click(); return true",
    )
    .await;
    b.see("#live", "Decided").await;
    b.until(
        "the same one is marked and ticked",
        "const one = document.querySelector('.group.current');
         return !document.getElementById(window.first) && one.id === window.second
           && one === document.activeElement && one.querySelector('header input').checked",
    )
    .await;
    // What is marked goes itself: nothing else takes its place unasked.
    b.keys_here("n").await;
    b.until(
        "nothing is marked",
        "return !document.getElementById(window.second) && !document.querySelector('.current')",
    )
    .await;
    b.keys("body", "a").await;
    b.see("#live", "Nothing is selected").await;
    b.finish().await;
}

#[tokio::test]
async fn what_was_decided_already_is_said_and_u_takes_back_ones_own() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    let before = b.count(".log li").await;
    b.keys("body", "u").await;
    b.see("#live", "You decided nothing").await;
    b.keys("body", "j").await;
    b.keys_here("a").await;
    b.see("#live", "Decided; u takes it back").await;
    b.keys_here("a").await;
    b.see("#live", "Nothing to decide").await;
    b.keys("body", "u").await;
    b.see("#live", "Taken back: Acknowledge, ").await;
    b.keys("body", "u").await;
    b.see("#live", "You decided nothing").await;
    assert!(b.count(".log li").await <= before + 2);
    b.finish().await;
}

/// How often something was opened, closed or asked for since.
const COUNT: &str = "window.n = { opened: 0, heard: 0, closed: 0, asked: 0 };
    const Real = window.EventSource, real = window.fetch;
    window.EventSource = function (url) { n.opened++; const s = new Real(url); s.addEventListener('data', () => n.heard++); return s; };
    const close = Real.prototype.close; Real.prototype.close = function () { n.closed++; close.call(this); };
    window.fetch = (...all) => { n.asked++; return real(...all); };
    window.seen = (yes) => { Object.defineProperty(document, 'hidden', { value: !yes, configurable: true });
      document.dispatchEvent(new Event('visibilitychange')); };
    return true";

#[tokio::test]
async fn a_page_that_nobody_sees_holds_no_connection() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/commits").await;
    b.see("table", "Compare").await;
    b.until("counted", COUNT).await;
    b.until(
        "closed",
        "seen(false); return n.closed === 1 && n.opened === 0",
    )
    .await;
    b.until("opened", "seen(true); return n.opened === 1").await;
    // Nothing came in between: the page is left alone, until something comes.
    b.until(
        "heard how things stand, and asked for nothing",
        "return n.heard === 1 && n.asked === 0",
    )
    .await;
    site.put_elsewhere();
    b.see("table", "A report from afar").await;
    // Back from elsewhere.
    b.until(
        "left",
        "dispatchEvent(new Event('pagehide')); return n.closed === 2",
    )
    .await;
    site.put_next_with(|r| {
        r.commit.sha = Sha("cd".repeat(20));
        r.commit.subject = "And one more from afar".into();
    });
    b.until(
        "back",
        "dispatchEvent(new Event('pageshow')); return n.opened === 2",
    )
    .await;
    b.see("table", "And one more from afar").await;
    b.finish().await;
}

#[tokio::test]
async fn another_place_of_a_page_is_the_same_page_and_another_page_is_read_from_its_beginning() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.see(".group", "in 2 series").await;
    b.until("counted", COUNT).await;
    b.until(
        "a place of the page",
        "addEventListener('popstate', () => { window.popped = true; }); location.hash = '#main'; return true",
    )
    .await;
    b.until("gone back", "history.back(); return true").await;
    b.until(
        "nothing was asked for",
        "return window.popped === true && location.hash === '' && n.asked === 0",
    )
    .await;
    b.until("far below", "scrollTo(0, 500); return scrollY > 100")
        .await;
    b.keys("body", "gh").await;
    b.see("h1", "8 series need a look").await;
    b.see(".top nav [aria-current]", "Health").await;
    b.until(
        "at its beginning",
        "return scrollY === 0 && document.activeElement.id === 'main'",
    )
    .await;
    b.until("gone back again", "history.back(); return true")
        .await;
    b.see(".top nav [aria-current]", "Today").await;
    b.finish().await;
}

#[tokio::test]
async fn j_goes_to_rows_that_lead_somewhere_and_keys_can_be_switched_off() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    let walk = "if (!document.querySelector('.cursor, .rows')) return false;
        const rows = document.querySelectorAll('.rows tbody tr').length;
        for (let i = 0; i < rows; i++) {
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
          const row = document.activeElement.closest('tr, .group');
          if (!row || !row.matches('.current') || !row.checkVisibility({ contentVisibilityAuto: true })) return false;
        }
        return rows > 3";
    b.go("/commits").await;
    b.see("table", "not measured").await;
    b.until("each step has the focus", walk).await;
    b.go(&format!("/series/{}", site.series("parse/large")))
        .await;
    b.see(".cursor", "Point at a commit").await;
    b.until("no folded row has it", walk).await;
    b.go("/help").await;
    b.click_text("#keys button", "Switch them off", 0).await;
    b.see("#keys", "Switch them on").await;
    b.go("/").await;
    b.see(".group", "in 2 series").await;
    b.keys("body", "jga").await;
    assert_eq!(b.count(".current").await, 0);
    assert_eq!(b.count("#live:empty").await, 1);
    b.finish().await;
}

#[tokio::test]
async fn who_was_overtaken_keeps_the_ticks_and_a_second_press_waits_for_the_first() {
    let site = Site::demo();
    let running = site.serve().await;
    let b = browser!(running);
    b.go("/").await;
    b.keys("body", "jx").await;
    b.keys_here("j").await;
    b.keys_here("x").await;
    let two = "return document.querySelectorAll('[form=bulk]:checked').length === 2";
    b.until("two ticked", two).await;
    let open = site.store().open_events(100).unwrap();
    let what = Triage {
        events: open.into_iter().map(|e| e.reported.id).collect(),
        note: "mine".into(),
        ..Triage::default()
    };
    site.store().decide(&what, "ada", 1).unwrap();
    b.keys_here("n").await;
    b.see("#live", "Not decided: ada ").await;
    b.see(".group .note", "mine").await;
    b.until("still two ticked", two).await;
    // The answer is held back until the test lets it go.
    b.until(
        "held back",
        "const real = window.fetch; const gate = new Promise((go) => { window.let_go = go; });
         window.fetch = async (...all) => { const answer = await real(...all); await gate; return answer; };
         return true",
    )
    .await;
    b.keys_here("n").await;
    b.keys_here("w").await;
    b.see("#live", "is on its way").await;
    b.until("let go", "window.let_go(); return true").await;
    b.see(".log li:first-child", "noise").await;
    b.finish_with(&["/triage"]).await;
}
