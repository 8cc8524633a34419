//! Turns at what one node at a time does: held by an open transaction, so that whoever dies gives
//! it up with its connection, also behind a pooler. Nothing rests on it but that work is not done
//! twice: a node that was stopped may lose its turn and not know.

use tokio_postgres::types::{ToSql, Type};

use super::pool::{Pool, Session};
use collector::error::Result;

/// The class of the advisory locks of those who move profiles: `prof`.
const LOCK: i32 = 1_886_547_814;

/// Held by whoever has the turn. Dropped, it ends with its connection.
#[derive(Debug)]
pub(crate) struct Turn {
    _session: Session,
}

/// Takes the turn of a file; `None` while another node has it.
pub(super) fn take(pool: &Pool, file: &str) -> Result<Option<Turn>> {
    pool.away()?;
    let begun = pool.begin(async |client| {
        let begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10min'";
        client.batch_execute(begin).await?;
        let sql = "SELECT pg_try_advisory_xact_lock($1, hashtext($2))";
        let given: [(&(dyn ToSql + Sync), Type); 2] = [(&LOCK, Type::INT4), (&file, Type::TEXT)];
        let row = client.query_typed_one(sql, &given).await?;
        if row.get(0) {
            return Ok(Some(()));
        }
        client.batch_execute("ROLLBACK").await?;
        Ok(None)
    });
    let begun = pool.told(begun)?;
    Ok(begun.map(|(session, ())| Turn { _session: session }))
}
