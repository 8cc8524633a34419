//! Which rows a transaction changed, noted by triggers of the connection.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params_from_iter};

use crate::store::link::{BlobRow, LogRow, Row, Shipment};

/// Tables that are neither log nor view, where a store has them. One that is not listed is a node's
/// own.
pub(super) const TABLES: [&str; 20] = [
    "token",
    "token_label",
    "channel",
    "outbox",
    "outbox_change",
    "handed",
    "arrival",
    "looked",
    "project",
    "job",
    "lease",
    "collector",
    "pause",
    "pull",
    "forge",
    "act",
    "object",
    "object_left",
    "object_place",
    "object_gone",
];
/// Rows of `state` that count for everybody.
pub(super) const STATE: &str = "('leases', 'importing', 'borrowed')";

/// A table with its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<String>,
    pub(super) key: Vec<String>,
}

impl Table {
    /// The table of a store; `None` where it has none.
    pub(super) fn of(db: &Connection, name: &'static str) -> rusqlite::Result<Option<Self>> {
        let about: Vec<(String, i64)> = db
            .prepare_cached("SELECT name, pk FROM pragma_table_info(?1)")?
            .query_map([name], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut key: Vec<&(String, i64)> = about.iter().filter(|(_, pk)| *pk > 0).collect();
        key.sort_by_key(|(_, pk)| *pk);
        let key = key.into_iter().map(|(name, _)| name.clone()).collect();
        let columns: Vec<String> = about.iter().map(|(name, _)| name.clone()).collect();
        Ok((!columns.is_empty()).then_some(Self { name, columns, key }))
    }

    /// Every table of a store that is shared beside log and profiles.
    pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Self>> {
        let names = TABLES.into_iter().chain(["state"]);
        let tables = names.filter_map(|name| Self::of(db, name).transpose());
        tables.collect()
    }

    /// Their names and columns, in a text that is another one where either is.
    pub(super) fn known(db: &Connection) -> rusqlite::Result<String> {
        let all = Self::all(db)?;
        let each = all
            .iter()
            .map(|t| format!("{}({})", t.name, t.columns.join(",")));
        Ok(each.collect::<Vec<_>>().join(" "))
    }

    /// A condition for the row of a key, which is bound.
    pub(super) fn is_key(&self) -> String {
        let each = self.key.iter().enumerate();
        let each: Vec<String> = each.map(|(i, k)| format!("\"{k}\" = ?{}", i + 1)).collect();
        each.join(" AND ")
    }

    /// The row as a JSON object.
    pub(super) fn as_object(&self) -> String {
        let each: Vec<String> = self
            .columns
            .iter()
            .map(|c| format!("'{c}', \"{c}\""))
            .collect();
        format!("json_object({})", each.join(", "))
    }

    /// The key of a row as a JSON array.
    pub(super) fn as_key(&self, row: &str) -> String {
        let each: Vec<String> = self.key.iter().map(|k| format!("{row}\"{k}\"")).collect();
        format!("json_array({})", each.join(", "))
    }

    /// All of a row's values.
    fn row(&self, of: &str) -> String {
        let each = self.columns.iter().map(|c| format!("{of}.\"{c}\""));
        each.collect::<Vec<_>>().join(", ")
    }

    fn triggers(&self) -> String {
        let name = self.name;
        [
            ("INSERT", "NEW"),
            ("UPDATE", "NEW"),
            ("UPDATE", "OLD"),
            ("DELETE", "OLD"),
        ]
        .iter()
        .enumerate()
        .map(|(i, (when, row))| {
            let mut only = Vec::new();
            if name == "state" {
                only.push(format!("{row}.name IN {STATE}"));
            }
            // Whoever has the row has it as it is.
            if *when == "UPDATE" {
                only.push(format!(
                    "({}) IS NOT ({})",
                    self.row("OLD"),
                    self.row("NEW")
                ));
            }
            let only = match only.is_empty() {
                true => String::new(),
                false => format!("WHEN {}", only.join(" AND ")),
            };
            let key = self.as_key(&format!("{row}."));
            format!(
                "CREATE TEMP TRIGGER IF NOT EXISTS note_{name}_{i} AFTER {when} ON main.{name} \
                     {only} BEGIN INSERT INTO noted VALUES ('{name}', {key}); END;"
            )
        })
        .collect()
    }
}

/// Has every change on this connection noted from now on.
pub(super) fn install(db: &Connection) -> rusqlite::Result<()> {
    // Without a key: what a trigger does about a conflict is overridden by the statement that fires it.
    db.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS noted (name TEXT NOT NULL, key TEXT NOT NULL)",
    )?;
    let mut all = Table::all(db)?;
    for name in ["log", "blob"] {
        all.extend(Table::of(db, name)?);
    }
    all.iter().try_for_each(|t| db.execute_batch(&t.triggers()))
}

/// What was noted is dealt with.
pub(super) fn forget(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM temp.noted")?.execute([])?;
    Ok(())
}

/// The values of a key.
pub(super) fn values(key: &str) -> Vec<Value> {
    let all: Vec<serde_json::Value> = serde_json::from_str(key).unwrap_or_default();
    all.iter().map(value).collect()
}

/// A value of a row: a whole number or text. No shared table holds others.
pub(super) fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Integer(i64::from(*b)),
        serde_json::Value::Number(n) => n.as_i64().map_or_else(
            || Value::Real(n.as_f64().unwrap_or_default()),
            Value::Integer,
        ),
        serde_json::Value::String(s) => Value::Text(s.clone()),
        other => Value::Text(other.to_string()),
    }
}

/// Everything that the transaction changed, as it stands at its end.
pub(super) fn collect(tx: &Transaction<'_>) -> rusqlite::Result<Shipment> {
    let noted: Vec<(String, String)> = tx
        .prepare_cached("SELECT DISTINCT name, key FROM temp.noted ORDER BY name, key")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut what = Shipment::default();
    if noted.is_empty() {
        return Ok(what);
    }
    let tables: BTreeMap<&str, Table> = Table::all(tx)?.into_iter().map(|t| (t.name, t)).collect();
    for (name, key) in noted {
        let bound = values(&key);
        match (name.as_str(), tables.get(name.as_str())) {
            ("log", _) => what.entries.extend(entry(tx, &bound)?),
            ("blob", _) => what.blobs.push(blob(tx, &bound)?),
            (_, Some(table)) => what.rows.push(row(tx, table, key, bound)?),
            _ => {}
        }
    }
    what.entries.sort_by_key(|e| e.seq);
    Ok(what)
}

fn entry(tx: &Connection, key: &[Value]) -> rusqlite::Result<Option<LogRow>> {
    tx.prepare_cached("SELECT seq, kind, hash, document FROM log WHERE seq = ?1")?
        .query_row(params_from_iter(key), |r| {
            Ok(LogRow {
                seq: r.get(0)?,
                kind: r.get(1)?,
                hash: r.get(2)?,
                document: r.get(3)?,
            })
        })
        .optional()
}

fn blob(tx: &Connection, key: &[Value]) -> rusqlite::Result<BlobRow> {
    let bytes = tx
        .prepare_cached("SELECT bytes FROM blob WHERE hash = ?1")?
        .query_row(params_from_iter(key), |r| r.get(0))
        .optional()?;
    let hash = match key.first() {
        Some(Value::Text(hash)) => hash.clone(),
        _ => String::new(),
    };
    Ok(BlobRow { hash, bytes })
}

fn row(tx: &Connection, table: &Table, key: String, bound: Vec<Value>) -> rusqlite::Result<Row> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        table.as_object(),
        table.name,
        table.is_key()
    );
    let value = tx
        .prepare_cached(&sql)?
        .query_row(params_from_iter(bound), |r| r.get(0))
        .optional()?;
    Ok(Row {
        table: table.name.into(),
        key,
        value,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::Store;

    /// What each node derives, or has for itself.
    const OWN: [&str; 16] = [
        "branch_point",
        "change",
        "decided",
        "exclusion",
        "line_left",
        "main_line",
        "measured_commit",
        "named_profile",
        "point",
        "pruned_profile",
        "pruned_report",
        "report",
        "series",
        "sqlite_sequence",
        "stacks",
        "testbed",
    ];

    /// A row that is written as it is would be sent to every node for nothing.
    #[test]
    fn only_what_is_another_row_afterwards_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_service(&dir.path().join("service.db")).unwrap();
        install(&store.db).unwrap();
        let noted = |sql: &str| -> i64 {
            store.db.execute_batch("DELETE FROM temp.noted").unwrap();
            store.db.execute_batch(sql).unwrap();
            let count = "SELECT count(DISTINCT key) FROM temp.noted";
            store.db.query_row(count, [], |r| r.get(0)).unwrap()
        };
        let insert = "INSERT INTO project (name, url, branch, poll, labels, created) \
            VALUES ('p', 'u', 'main', 60, '[]', 0)";
        assert_eq!(noted(insert), 1);
        assert_eq!(noted("UPDATE project SET poll = 60, trouble = ''"), 0);
        assert_eq!(noted("UPDATE project SET poll = 30"), 1);
        assert_eq!(noted("UPDATE project SET name = 'q'"), 2);
        assert_eq!(
            noted("UPDATE state SET value = value WHERE name = 'leases'"),
            0
        );
        assert_eq!(
            noted("UPDATE state SET value = value + 1 WHERE name = 'leases'"),
            1
        );
        assert_eq!(noted("DELETE FROM project"), 1);
    }

    /// A table that is on neither list would be each node's own without anybody having said so.
    #[test]
    fn every_table_is_shared_or_a_nodes_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_service(&dir.path().join("service.db")).unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let mut statement = store.db.prepare(sql).unwrap();
        let names = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
        let known = |name: &str| {
            let shared = TABLES.contains(&name) || ["log", "blob", "state"].contains(&name);
            shared != OWN.contains(&name)
        };
        let unknown: Vec<String> = names.flatten().filter(|n| !known(n)).collect();
        assert_eq!(unknown, Vec::<String>::new());
    }
}
