//! Whether what the API answers is what its own document says.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::support::Site;

/// Where a value is not as a schema of the document says, in words. The part of JSON Schema that
/// the document uses; a field that it does not describe is a difference too.
fn differences(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(place) = schema.get("$ref").and_then(Value::as_str) {
        let schema = document.pointer(&place[1..]).unwrap();
        return differences(document, schema, value, at, found);
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        found.push(format!("{at}: {value} is not {expected}"));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|t| is_a(value, t)) {
        found.push(format!("{at}: {value} is none of {types:?}"));
        return;
    }
    if let Some(object) = value.as_object() {
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if !object.contains_key(name.as_str().unwrap()) {
                found.push(format!("{at}: no {name}"));
            }
        }
        for (name, inner) in object {
            let listed = schema.get("properties").and_then(|p| p.get(name));
            let others = schema.get("additionalProperties");
            let at = format!("{at}.{name}");
            match listed.or(others) {
                Some(schema) => differences(document, schema, inner, &at, found),
                None if schema.get("properties").is_some() => {
                    found.push(format!("{at} is not described"));
                }
                None => {}
            }
        }
    }
    if let (Some(items), Some(all)) = (schema.get("items"), value.as_array()) {
        for inner in all {
            differences(document, items, inner, &format!("{at}[]"), found);
        }
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a type of the document: {other}"),
    }
}

/// Holds an answer against what the document says of it.
pub(crate) fn check(
    document: &Value,
    (method, path): (&str, &str),
    status: StatusCode,
    text: &str,
) {
    let answers = &document["paths"][path][method]["responses"];
    let answer = answers.get(status.as_str()).unwrap_or(&answers["default"]);
    let place = answer["content"]["application/json"]["schema"]["$ref"].as_str();
    let schema = document.pointer(&place.unwrap()[1..]).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    differences(
        document,
        schema,
        &value,
        &format!("{method} {path}"),
        &mut found,
    );
    found.sort();
    found.dedup();
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let site = Site::demo();
    let c = site.client().await;
    let document: Value = serde_json::from_str(c.get("/api/openapi.json").await.text()).unwrap();
    let older: Value = serde_json::from_str(c.get("/api/v1/openapi.json").await.text()).unwrap();
    assert_eq!(document, older);
    let reports: Value = serde_json::from_str(c.get("/api/v1/reports").await.text()).unwrap();
    let hash = reports["reports"][0]["hash"].as_str().unwrap();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if operations.get("get").is_none() {
            continue;
        }
        let url = site.example(&path.replace("{hash}", hash));
        let answer = c.get(&url).await;
        assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
        check(&document, ("get", path), answer.status, answer.text());
        seen += 1;
    }
    assert!(seen >= 12, "{seen}");

    let nothing = c.get(&site.example("/api/v1/reports/{hash}")).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    let route = ("get", "/api/v1/reports/{hash}");
    check(&document, route, nothing.status, nothing.text());
    let report = site.new_report();
    for status in [StatusCode::CREATED, StatusCode::OK] {
        let sent = c.send(Method::POST, "/api/v1/reports", &[], &report).await;
        assert_eq!(sent.status, status);
        check(&document, ("post", "/api/v1/reports"), status, sent.text());
    }
    let form = format!("event={}&state=noise", site.open_event());
    let decided = c
        .send(Method::POST, "/api/v1/triage", &[], form.as_bytes())
        .await;
    assert_eq!(decided.status, StatusCode::OK);
    check(
        &document,
        ("post", "/api/v1/triage"),
        decided.status,
        decided.text(),
    );
}
