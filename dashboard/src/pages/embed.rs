//! One chart with its numbers, for a frame on another page.

use collector::store::Store;
use maud::{DOCTYPE, html};

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::look::SeriesLook;
use crate::pages::answer::{HTML, no_such_form, the_series};
use crate::pages::assets;
use crate::query::Format;
use crate::text;

pub(super) fn page(
    store: &Store,
    app: &App,
    (id, look): (&str, SeriesLook),
    format: Format,
) -> Result<Page, Fail> {
    if format != Format::Html {
        return Err(no_such_form(format));
    }
    let s = the_series(store, id)?;
    let key = &s.row.key;
    let (name, metric) = (text::name(&key.benchmark), text::metric(&key.metric));
    let newest = text::value(s.row.latest_value, &key.metric);
    let open = store.events_of(id)?;
    let open = open.iter().filter(|e| e.event.is_open()).count();
    let range = look.query();
    let series = format!("/series/{id}{range}");
    let picture = format!("/series/{id}.svg{range}");
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) " · " (metric) " · uptick" }
                link rel="stylesheet" href=(assets::css_url());
            }
            body .embed {
                figure {
                    a href=(series) target="_blank" rel="noopener" {
                        img src=(picture) alt={ "Chart of " (name) ", " (metric) };
                    }
                    figcaption {
                        b { (name) } span { (metric) ", " (key.counter.words()) }
                        span { "newest " (newest) }
                        @if open > 0 { span { (text::plural(open, "open change")) } }
                        span { (text::cut(&app.options.name, 40)) ", as of " (text::date(s.latest_time)) }
                    }
                }
            }
        }
    };
    Ok(Page::new(
        HTML,
        Policy::Embed,
        body.into_string().into_bytes(),
    ))
}
