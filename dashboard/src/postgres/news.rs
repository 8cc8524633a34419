//! What others wrote, read as it was at one moment: not much at once, so that a link that breaks
//! costs little, and row by row, so that a slow link is waited for and a dead one is not.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Instant;

use collector::store::shared::{BlobRow, Kin, LogRow, News, Row, Shipment, Version};
use futures_util::TryStreamExt as _;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row as Found};

use super::trouble::{ANSWER, Ran, Tried, Trouble, trouble, unanswered, within};

/// Bytes that are read at once, one version at least.
const BYTES: i64 = 1 << 20;
/// Rows of a table that are read at once, one version at least.
const ROWS: i64 = 2_000;

/// Versions of which it is kept who wrote them, and what went. A replica that is farther behind may
/// be one of another history, and is refused.
pub(super) const KEPT: i64 = 1_000_000;
/// What the mark of a replica begins with that is being filled from before them, in front of the
/// version that the log had when that began.
const FILLING: char = '?';

/// Nothing that is written meanwhile is seen. The server waits for a slow link too, as long as this
/// side does.
const BEGIN: &str = "\
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '1h'; \
    SET LOCAL idle_in_transaction_session_timeout = '10min'";
const HEAD: &str = "\
    SELECT version, moving, mark, \
    (SELECT mark FROM uptick.written WHERE file = $1 AND version = $2) \
    FROM uptick.head WHERE file = $1";
const SIZES: &str = "\
    (SELECT 1, version, octet_length(document)::bigint FROM uptick.entry \
        WHERE file = $1 AND version > $2 ORDER BY version LIMIT $3) \
    UNION ALL (SELECT 2, version, coalesce(octet_length(bytes), 0)::bigint FROM uptick.blob \
        WHERE file = $1 AND version > $2 ORDER BY version LIMIT $3) \
    UNION ALL (SELECT 3, version, (octet_length(key) + coalesce(octet_length(value), 0))::bigint \
        FROM uptick.line WHERE file = $1 AND version > $2 ORDER BY version LIMIT $3)";
/// Bytes come in pieces that each show that the link is alive; they lie unpacked in pieces there.
const ENTRIES: &str = "\
    SELECT seq, kind, hash, substring(document FROM 1 + n * 16384 FOR 16384) FROM ( \
        SELECT seq, kind, hash, document FROM uptick.entry \
            WHERE file = $1 AND version > $2 AND version <= $3 \
        UNION ALL SELECT seq, kind, hash, document FROM uptick.entry WHERE file = $1 AND seq > $4 \
            AND seq <= (SELECT max(seq) FROM uptick.entry \
                WHERE file = $1 AND version > $2 AND version <= $3) \
            AND NOT (version > $2 AND version <= $3)) AS e \
    CROSS JOIN LATERAL generate_series(0, (octet_length(document) - 1) / 16384) AS n \
    ORDER BY seq, n";
const BLOBS: &str = "\
    SELECT hash, substring(bytes FROM 1 + n * 16384 FOR 16384) FROM uptick.blob \
    CROSS JOIN LATERAL generate_series(0, coalesce((octet_length(bytes) - 1) / 16384, 0)) AS n \
    WHERE file = $1 AND version > $2 AND version <= $3 ORDER BY hash, n";
const LINES: &str = "\
    SELECT name, key, value FROM uptick.line WHERE file = $1 AND version > $2 AND version <= $3";

type Given<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// What comes of a look at a file.
pub(super) enum Read {
    /// Nobody wrote to it yet.
    Nothing,
    /// Somebody else moves a store there.
    Moving,
    News(News),
}

/// What was written to `file` after a version, some of it, for a replica that has entries up to
/// `seq`. Two round trips: whoever is slower than the others' writes is always behind.
pub(super) async fn read(
    client: &Client,
    (file, moving): (&str, &str),
    after: &Version,
    seq: i64,
) -> Tried<Read> {
    let come = Cell::new(Instant::now());
    let begun = async {
        let given = [
            (&file as &(dyn ToSql + Sync), Type::TEXT),
            (&after.number, Type::INT8),
            (&ROWS, Type::INT8),
        ];
        let begin = client.batch_execute(BEGIN);
        let head = client.query_typed_opt(HEAD, &given[..2]);
        let size = |r: &Found| (r.get(0), r.get(1), r.get(2));
        let sizes = rows(client, SIZES, &given, &come, size);
        tokio::try_join!(begin, head, sizes)
    };
    let ((), head, sizes) = while_it_comes(&come, begun).await?;
    let Some(row) = head else {
        return over(client, Read::Nothing).await;
    };
    if row.get::<_, &str>(1) != moving {
        return over(client, Read::Moving).await;
    }
    let (head, known): (i64, Option<&str>) = (row.get(0), row.get(3));
    let mut news = News {
        version: Version {
            number: head,
            mark: row.get(2),
        },
        head,
        kin: kin(after, head, known),
        ..News::default()
    };
    if head == after.number || news.kin != Kin::Same {
        return over(client, Read::News(news)).await;
    }
    let end = until(head, &sizes);
    if end < head {
        news.version.number = end;
        let known = mark(client, file, end).await?;
        news.version.mark = known.unwrap_or_else(|| filling(after, head));
    }
    let come = Cell::new(Instant::now());
    let all = changes(client, file, (after.number, end), seq, &come);
    news.what = while_it_comes(&come, all).await?;
    Ok(Read::News(news))
}

async fn over(client: &Client, read: Read) -> Tried<Read> {
    within(client.batch_execute("COMMIT")).await?;
    Ok(read)
}

/// Whose history a replica is of that has version `after`, where the log has the mark `known` for it.
fn kin(after: &Version, head: i64, known: Option<&str>) -> Kin {
    let began = after.mark.strip_prefix(FILLING);
    match (began, known) {
        _ if after.mark.is_empty() => Kin::Same,
        (Some(began), _) => match began.parse::<i64>() {
            Ok(began) if head <= began.saturating_add(KEPT) => Kin::Same,
            _ => Kin::Unknown,
        },
        (None, Some(known)) if known == after.mark => Kin::Same,
        (None, None) if after.number < head => Kin::Unknown,
        (None, _) => Kin::Other,
    }
}

/// The mark of a replica that is being filled, where that of its version is not kept.
fn filling(after: &Version, head: i64) -> String {
    match after.mark.starts_with(FILLING) {
        true => after.mark.clone(),
        false => format!("{FILLING}{head}"),
    }
}

/// The version up to which as much is read as is read at once.
fn until(head: i64, sizes: &[(i32, i64, i64)]) -> i64 {
    let mut versions = BTreeMap::<i64, i64>::new();
    let mut tables = BTreeMap::<i32, (i64, i64)>::new();
    for &(table, version, size) in sizes {
        *versions.entry(version).or_default() += size;
        let (many, last) = tables.entry(table).or_default();
        (*many, *last) = (*many + 1, version.max(*last));
    }
    // Of a table that was not looked at to its end the last version may have more.
    let cut = tables.values().filter(|(many, _)| *many >= ROWS);
    let whole = cut.map(|(_, last)| *last).min().unwrap_or(i64::MAX);
    let mut bytes = 0;
    for (i, (&version, size)) in versions.iter().enumerate() {
        bytes += size;
        match (bytes > BYTES || version >= whole, i) {
            (true, 0) => return version.min(head),
            (true, _) => return (version - 1).min(head),
            (false, _) => {}
        }
    }
    head
}

/// Who wrote a version, if that is still known.
async fn mark(client: &Client, file: &str, version: i64) -> Tried<Option<String>> {
    let sql = "SELECT mark FROM uptick.written WHERE file = $1 AND version = $2";
    let given = [
        (&file as &(dyn ToSql + Sync), Type::TEXT),
        (&version, Type::INT8),
    ];
    let row = within(client.query_typed_opt(sql, &given)).await?;
    Ok(row.map(|r| r.get(0)))
}

/// How many reports a file has after an entry. Those that were pruned meanwhile are on no page.
pub(super) async fn reports_after(client: &Client, file: &str, seq: i64) -> Ran<i64> {
    let sql = "SELECT count(*) FROM uptick.entry WHERE file = $1 AND seq > $2 AND kind = 'report'";
    let given: [(&(dyn ToSql + Sync), Type); 2] = [(&file, Type::TEXT), (&seq, Type::INT8)];
    let row = client.query_typed_opt(sql, &given).await?;
    Ok(row.map_or(0, |r| r.get(0)))
}

/// Every row of the tables that are neither log nor view.
pub(super) async fn all_rows(client: &Client, file: &str) -> Tried<Vec<Row>> {
    let come = Cell::new(Instant::now());
    let given = [
        (&file as &(dyn ToSql + Sync), Type::TEXT),
        (&0_i64, Type::INT8),
        (&i64::MAX, Type::INT8),
    ];
    while_it_comes(&come, rows(client, LINES, &given, &come, line)).await
}

fn line(r: &Found) -> Row {
    Row {
        table: r.get(0),
        key: r.get(1),
        value: r.get(2),
    }
}

/// Everything that has one of these versions, and every entry before the last of them; it ends the
/// transaction.
async fn changes(
    client: &Client,
    file: &str,
    (after, end): (i64, i64),
    seq: i64,
    come: &Cell<Instant>,
) -> Ran<Shipment> {
    let given: [(&(dyn ToSql + Sync), Type); 4] = [
        (&file, Type::TEXT),
        (&after, Type::INT8),
        (&end, Type::INT8),
        (&seq, Type::INT8),
    ];
    let entry = |r: &Found| LogRow {
        seq: r.get(0),
        kind: r.get(1),
        hash: r.get(2),
        document: r.get(3),
    };
    let blob = |r: &Found| BlobRow {
        hash: r.get(0),
        bytes: r.get(1),
    };
    let (entries, blobs, rows, ()) = tokio::try_join!(
        rows(client, ENTRIES, &given, come, entry),
        rows(client, BLOBS, &given[..3], come, blob),
        rows(client, LINES, &given[..3], come, line),
        client.batch_execute("COMMIT"),
    )?;
    let mut what = Shipment {
        entries,
        blobs,
        rows,
    };
    what.entries.dedup_by(|next, first| {
        let is_piece = next.seq == first.seq;
        if is_piece {
            first.document.append(&mut next.document);
        }
        is_piece
    });
    what.blobs.dedup_by(|next, first| {
        let is_piece = next.hash == first.hash;
        if let (true, Some(bytes), Some(more)) = (is_piece, &mut first.bytes, &mut next.bytes) {
            bytes.append(more);
        }
        is_piece
    });
    Ok(what)
}

/// All rows of an answer; says of each when it came.
async fn rows<T>(
    client: &Client,
    sql: &str,
    given: &Given<'_>,
    come: &Cell<Instant>,
    of: impl Fn(&Found) -> T,
) -> Ran<Vec<T>> {
    let given = given.iter().map(|(value, kind)| (*value, kind.clone()));
    let mut answer = pin!(client.query_typed_raw(sql, given).await?);
    let mut out = Vec::new();
    while let Some(row) = answer.try_next().await? {
        come.set(Instant::now());
        out.push(of(&row));
    }
    Ok(out)
}

/// What comes of a piece of work that may take however long, as long as something comes.
async fn while_it_comes<T>(come: &Cell<Instant>, work: impl Future<Output = Ran<T>>) -> Tried<T> {
    let mut work = pin!(work);
    loop {
        let until = come.get() + ANSWER;
        match tokio::time::timeout_at(until.into(), &mut work).await {
            Ok(done) => return done.map_err(|e| trouble(&e)),
            Err(_) if come.get() + ANSWER > until => {}
            Err(_) => return Err(Trouble::Lost(unanswered())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_known_by_its_mark_or_refused() {
        let at = |number, mark: &str| Version {
            number,
            mark: mark.into(),
        };
        assert_eq!(kin(&at(0, ""), 9, None), Kin::Same);
        assert_eq!(kin(&at(5, "a"), 9, Some("a")), Kin::Same);
        assert_eq!(kin(&at(5, "a"), 9, Some("b")), Kin::Other);
        assert_eq!(kin(&at(9, "a"), 5, None), Kin::Other);
        assert_eq!(kin(&at(5, "a"), 9, None), Kin::Unknown);
        // One that is being filled says since when, and is not told of all that went meanwhile.
        let first = at(5, &filling(&at(0, ""), 2 * KEPT));
        assert_eq!(filling(&first, 3 * KEPT), first.mark);
        assert_eq!(kin(&first, 3 * KEPT, None), Kin::Same);
        assert_eq!(kin(&first, 3 * KEPT + 1, None), Kin::Unknown);
    }

    #[test]
    fn as_much_is_read_at_once_as_fits_and_a_version_at_least() {
        assert_eq!(until(9, &[]), 9);
        assert_eq!(until(9, &[(1, 4, 10), (3, 7, 10)]), 9);
        // The second does not fit; one that fits by no means comes by itself.
        assert_eq!(until(9, &[(1, 4, 10), (2, 7, BYTES)]), 6);
        assert_eq!(until(9, &[(2, 7, BYTES + 1), (3, 8, 1)]), 7);
        // Of a table with more rows than were looked at.
        let many = |version| (0..ROWS).map(move |i| (3, version + i / (ROWS / 2), 1));
        let all: Vec<_> = many(4).chain([(1, 8, 1)]).collect();
        assert_eq!(until(9, &all), 4);
        let one: Vec<_> = (0..ROWS).map(|_| (3, 4, 1)).collect();
        assert_eq!(until(9, &one), 4);
    }
}
