//! What the API takes and answers, as JSON Schema: `schemas.json` beside this file, by hand. A test
//! holds every answer of a filled store against it.
//!
//! By hand, because most documents are written where they are shown and have no type of their own
//! that a derive could read; a field that is not described may come at any time, one that is stays.

use serde_json::{Map, Value, json};

/// The schemas, and which route answers with which.
pub(crate) struct Schemas(Value);

impl Schemas {
    /// # Errors
    /// When the file that is built in is no JSON.
    pub(crate) fn read() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("schemas.json")).map(Self)
    }

    /// The `components` of the document.
    pub(crate) fn components(&self) -> Value {
        json!({
            "schemas": self.0["schemas"],
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        })
    }

    /// The answers of a route, the error among them; nothing where the route is not listed.
    pub(crate) fn answers(&self, method: &str, path: &str) -> Option<Value> {
        let listed = self.0["answers"][format!("{method} {path}")].as_object()?;
        let mut all = Map::new();
        for (status, name) in listed {
            let done = match name {
                Value::Null => json!({ "description": "nothing" }),
                name => answer("done", name),
            };
            all.insert(status.clone(), done);
        }
        all.insert("default".into(), answer("what went wrong", &json!("error")));
        Some(Value::Object(all))
    }

    /// What a route takes, by its kind; nothing where it takes nothing.
    pub(crate) fn body(&self, method: &str, path: &str) -> Option<Value> {
        let kinds = self.0["bodies"][format!("{method} {path}")].as_object()?;
        let content = kinds.iter().map(|(kind, name)| (kind.clone(), of(name)));
        Some(json!({ "required": true, "content": content.collect::<Map<_, _>>() }))
    }
}

fn answer(description: &str, name: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": of(name) } })
}

fn of(name: &Value) -> Value {
    let name = name.as_str().unwrap_or("error");
    json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } })
}
