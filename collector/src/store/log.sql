-- One log of everything that is true, in one order; the tables beside it are derived from it.
PRAGMA application_id = 1970304617; -- "upti"
CREATE TABLE log (
    seq      INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,          -- report, profile, alert, decision, main_line
    hash     TEXT NOT NULL UNIQUE,   -- SHA-256 of the bytes that came in
    document BLOB NOT NULL           -- zstd of those bytes
);
INSERT INTO log SELECT id, 'report', hash, document FROM report;
ALTER TABLE report DROP COLUMN document;
ALTER TABLE report ADD COLUMN facts TEXT NOT NULL DEFAULT '';  -- digest of the testbed's facts
CREATE INDEX report_by_facts ON report (facts);
UPDATE state SET name = 'applied' WHERE name = 'derived_report';

-- The first-parent line of the default branch, as far as it is known.
CREATE TABLE main_line (
    position INTEGER PRIMARY KEY,
    sha      TEXT NOT NULL
);
CREATE INDEX main_line_by_sha ON main_line (sha);
-- Points of commits that are not on it: no chart and no alert of the main line reads them.
CREATE TABLE branch_point (
    series   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    report   INTEGER NOT NULL,
    value    REAL    NOT NULL,
    low      REAL    NOT NULL,
    high     REAL    NOT NULL,
    PRIMARY KEY (series, position, report)
) WITHOUT ROWID;
ALTER TABLE measured_commit ADD COLUMN main INTEGER NOT NULL DEFAULT 1;
ALTER TABLE measured_commit ADD COLUMN branch TEXT NOT NULL DEFAULT '';
ALTER TABLE measured_commit ADD COLUMN merge_base TEXT NOT NULL DEFAULT '';
DROP INDEX measured_commit_by_position;
CREATE INDEX measured_commit_by_position ON measured_commit (main, position);
CREATE INDEX series_by_testbed ON series (fingerprint);

-- Changes by their identity.
CREATE TABLE change (
    id         TEXT PRIMARY KEY,
    series     TEXT    NOT NULL,     -- series.key
    judged     INTEGER NOT NULL,     -- 1: of a metric that is judged
    told_at    INTEGER NOT NULL,
    position   INTEGER NOT NULL,     -- first measured commit of the new level
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    before     REAL    NOT NULL,
    after      REAL    NOT NULL,
    change     REAL    NOT NULL,
    low        REAL    NOT NULL,
    high       REAL    NOT NULL,
    confidence REAL    NOT NULL,
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'new',
    recovered  INTEGER,
    seen       INTEGER NOT NULL DEFAULT 1,
    note       TEXT    NOT NULL DEFAULT '',
    link       TEXT    NOT NULL DEFAULT '',
    reported   TEXT    NOT NULL,     -- the change as it was reported, as JSON
    cause      INTEGER               -- the decision that put it into a group of its own
) WITHOUT ROWID;
CREATE INDEX change_by_series ON change (series);
CREATE INDEX change_open ON change (judged, position)
    WHERE seen = 1 AND recovered IS NULL AND state IN ('new', 'acknowledged');

-- What decisions did, a line for each change.
CREATE TABLE decided (
    id       INTEGER PRIMARY KEY,
    batch    INTEGER NOT NULL,       -- seq of the decision
    time     INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    event    TEXT    NOT NULL,       -- change.id
    before   TEXT    NOT NULL,
    after    TEXT    NOT NULL,
    note     TEXT    NOT NULL,
    link     TEXT    NOT NULL,
    undoes   INTEGER,                -- the batch that this one takes back
    regroups INTEGER NOT NULL
);
CREATE INDEX decided_by_event ON decided (event);
CREATE INDEX decided_by_batch ON decided (batch);
CREATE INDEX decided_by_undoes ON decided (undoes);
