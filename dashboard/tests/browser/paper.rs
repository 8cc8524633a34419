//! Pages on paper: a sheet has the tables of a wide screen, says where it is from and of when, and
//! nothing that can be pressed.

use serde_json::json;

use super::driver::Browser;
use crate::support::Site;

/// Pixels of a sheet of A4 between its margins.
const SHEET: u32 = 717;

/// What is wrong with a page as it would be printed.
const FAULTS: &str = "const path = arguments[0], seen = (e) => e.getClientRects().length > 0, found = [];
    for (const th of document.querySelectorAll('thead th'))
      if (!th.querySelector('.hidden') && !th.matches('.pick') && (!seen(th) || th.getBoundingClientRect().height < 8)) found.push('no heading ' + th.textContent);
    for (const e of document.querySelectorAll('button, .find, .top nav'))
      if (seen(e)) found.push('to be pressed: ' + e.textContent);
    const paths = [...document.querySelectorAll('.forms')].map((e) => getComputedStyle(e, '::after').content);
    if (!paths.some((c) => c.startsWith('\"' + path))) found.push('no address: ' + paths);
    if (!seen(document.querySelector('.paper:not(.forms)'))) found.push('no date');
    for (const e of document.querySelectorAll('.verdict'))
      if (getComputedStyle(e).backgroundImage !== 'none') found.push('a coloured ground');
    for (const e of document.querySelectorAll('h1, h2, p, td'))
      if (seen(e) && getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) > 480) { found.push('pale: ' + e.textContent.slice(0, 40)); break; }
    const wide = document.documentElement;
    if (wide.scrollWidth > wide.clientWidth) found.push('the page is wider than the sheet');
    const sheet = document.documentElement.clientWidth + 1;
    for (const e of document.querySelectorAll('main *'))
      if (seen(e) && !e.matches('.hidden') && e.getBoundingClientRect().right > sheet) { found.push('wider than the sheet: ' + e.tagName + ' ' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 60)); break; }
    return found.join('; ')";

#[tokio::test]
async fn a_printed_page_has_headings_address_and_date_and_fits_the_sheet() {
    let site = Site::demo();
    let series = site.series("parse/large");
    let (base, head) = site.around("Split Lexer");
    let running = site.serve().await;
    let b = browser!(running);
    let pages = [
        "/".to_string(),
        "/health".into(),
        "/commits".into(),
        "/changes".into(),
        "/log".into(),
        "/help".into(),
        "/channels".into(),
        "/compare".into(),
        format!("/commit/{head}"),
        format!("/series/{series}"),
        format!("/compare/{base}..{head}"),
        format!("/functions/{series}/{base}..{head}"),
        "/branch?name=faster-lexer".into(),
        "/search?q=parse".into(),
    ];
    let size = json!({ "width": SHEET, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
    b.cdp("Emulation.setDeviceMetricsOverride", size).await;
    let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    b.cdp(
        "Emulation.setEmulatedMedia",
        json!({ "media": "print", "features": dark }),
    )
    .await;
    let mut found = Vec::new();
    for page in &pages {
        b.go(page).await;
        let faults = b.words(FAULTS, page.split('?').next().unwrap()).await;
        if !faults.is_empty() {
            found.push(format!("{page}: {faults}"));
        }
        let name = page.replace(['/', '?', '='], "_");
        b.picture(&format!("paper{}", &name[..name.len().min(12)]))
            .await;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    b.finish().await;
}
