//! The database's schema, brought up to date by whichever node comes first.
//!
//! A step only adds: nodes of the version before go on beside it. What they do not need any more
//! goes a version later, and then `least` rises, which older nodes see and stop.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::trouble::{Trouble, trouble};

/// Each step raises the schema's number by one.
const STEPS: [&str; 3] = [
    include_str!("schema.sql"),
    include_str!("gone.sql"),
    include_str!("outside.sql"),
];
/// The newest schema that this program reads and writes.
const NEWEST: i32 = STEPS.len() as i32;
/// The oldest program, by the newest schema that it knows, that can work beside this one.
const LEAST: i32 = 1;
/// The oldest one once profiles lie outside the log.
pub(super) const OUTSIDE: i32 = 3;
/// The advisory lock of whoever changes the schema: `upti`.
const LOCK: i64 = 1_970_304_617;

/// Brings the schema up to date; gives the name of the log, which is made with it.
pub(super) async fn migrate(client: &mut Client) -> Result<String, Trouble> {
    let wrong = |e: tokio_postgres::Error| trouble(&e);
    let tx = client.transaction().await.map_err(wrong)?;
    // Of two nodes that start at once, one waits and finds it done. The lock ends with the
    // transaction, also behind a pooler.
    tx.query_typed(
        "SELECT pg_advisory_xact_lock($1)::text",
        &[(&LOCK, Type::INT8)],
    )
    .await
    .map_err(wrong)?;
    let there = tx
        .query_typed_one("SELECT to_regclass('uptick.about') IS NOT NULL", &[])
        .await
        .map_err(wrong)?;
    if !there.get::<_, bool>(0) {
        tx.batch_execute(
            "CREATE SCHEMA IF NOT EXISTS uptick; \
             CREATE TABLE uptick.about (one int PRIMARY KEY CHECK (one = 1), \
             database text NOT NULL, schema int NOT NULL, least int NOT NULL); \
             INSERT INTO uptick.about VALUES (1, gen_random_uuid()::text, 0, 0)",
        )
        .await
        .map_err(wrong)?;
    }
    let about = tx
        .query_typed_one("SELECT database, schema, least FROM uptick.about", &[])
        .await
        .map_err(wrong)?;
    let (database, schema, least): (String, i32, i32) = (about.get(0), about.get(1), about.get(2));
    if least > NEWEST {
        return Err(Trouble::Refused(format!(
            "its schema {schema} needs an uptick that knows schema {least}, and this one knows up to \
             {NEWEST}: update it (nothing was changed)"
        )));
    }
    let steps = STEPS.iter().skip(usize::try_from(schema).unwrap_or(0));
    for sql in steps {
        tx.batch_execute(sql).await.map_err(wrong)?;
    }
    if schema < NEWEST {
        let sql = "UPDATE uptick.about SET schema = $1, least = greatest(least, $2)";
        tx.query_typed(sql, &[(&NEWEST, Type::INT4), (&LEAST, Type::INT4)])
            .await
            .map_err(wrong)?;
    }
    tx.commit().await.map_err(wrong)?;
    Ok(database)
}
