//! Reports as documents, for the API.

use collector::store::Store;
use serde_json::json;

use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::json_page;

const NEWEST: usize = 200;

pub(super) fn list(store: &Store) -> Result<Page, Fail> {
    json_page(&json!({ "schema": "uptick.reports/1", "reports": store.reports(None, NEWEST)? }))
}

pub(super) fn one(store: &Store, hash: &str) -> Result<Page, Fail> {
    let report = store.report(hash)?;
    json_page(&report.ok_or_else(|| Fail::NotFound("No report has this hash.".into()))?)
}
