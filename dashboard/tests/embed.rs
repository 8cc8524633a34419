//! A chart alone, for a frame on another page: whom the setting names, and nobody else.

use axum::http::StatusCode;

use crate::support::Site;

#[tokio::test]
async fn a_chart_is_framed_by_whom_the_setting_names_and_nothing_else_is() {
    let site = Site::demo();
    let id = site.series("parse/large");
    let url = format!("/embed/{id}");
    let closed = site.client().await;
    let open = site
        .served_with(|o| o.embed_in = vec!["https://wiki.example.org".into()])
        .await;
    let policy = |a: &crate::support::Answer| a.header("content-security-policy").to_string();
    let none = closed.get(&url).await;
    assert_eq!(none.status, StatusCode::OK);
    assert!(
        policy(&none).ends_with("frame-ancestors 'none'"),
        "{}",
        policy(&none)
    );
    let framed = open.get(&url).await;
    let said = policy(&framed);
    assert!(
        said.ends_with("frame-ancestors https://wiki.example.org"),
        "{said}"
    );
    assert!(
        !said.contains("script-src") && said.contains("default-src 'none'"),
        "{said}"
    );
    for other in ["/", "/commits", &format!("/series/{id}")] {
        let said = policy(&open.get(other).await);
        assert!(said.contains("frame-ancestors 'none'"), "{other}: {said}");
    }
    let series = site.store().series_by_id(&id).unwrap().unwrap();
    let value = series.row.latest_value;
    let text = framed.text();
    assert!(
        text.contains("parse/large") && text.contains("instructions"),
        "{text}"
    );
    assert!(
        text.contains(&format!("newest {:.3} G", value / 1e9)),
        "{text}"
    );
    assert!(
        !text.contains("<script") && text.contains("1 open change"),
        "{text}"
    );
    let zoomed = open.get(&format!("{url}?from=100&to=200")).await;
    let picture = format!("src=\"/series/{id}.svg?from=100&amp;to=200\"");
    assert!(zoomed.text().contains(&picture), "{}", zoomed.text());
    let end = open.get(&format!("{url}?to=200")).await;
    let series = format!("href=\"/series/{id}?to=200\"");
    assert!(end.text().contains(&series), "{}", end.text());
    assert_eq!(
        open.get("/embed/0000000000000000").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        open.get(&format!("{url}?from=9&to=3")).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// What paper shows of a page: the whole, with where it is from and when it was made.
#[tokio::test]
async fn paper_says_where_a_page_is_from_and_as_of_when() {
    let site = Site::demo();
    let c = site
        .served_with(|o| o.public_url = Some("https://uptick.example.org".into()))
        .await;
    let (base, head) = site.around("Escape strings");
    let page = c.get(&format!("/compare/{base}..{head}")).await;
    let paper = page.text().split("class=\"paper\">").nth(1).unwrap();
    assert!(
        paper.starts_with("lexis · https://uptick.example.org · as of "),
        "{paper}"
    );
    assert!(
        page.text()
            .contains(&format!("data-page=\"/compare/{base}..{head}\""))
    );
}
