-- What the dashboard reads: derived tables that keep pages from scanning points, and the only
-- truths beside the reports, which are people's: decisions and tokens.

-- A series' short name in addresses: 16 hexadecimal digits of the hash of what names it, so that
-- an address outlives a rebuild and no hostile benchmark name stands in it.
ALTER TABLE series ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN latest_sha TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN latest_time INTEGER NOT NULL DEFAULT 0;
-- What the change finder said when it last looked, and how many points it saw then.
ALTER TABLE series ADD COLUMN kind TEXT NOT NULL DEFAULT 'young';
ALTER TABLE series ADD COLUMN noise REAL NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN drift REAL NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN searched INTEGER NOT NULL DEFAULT 0;
CREATE INDEX series_by_key ON series (key);
CREATE INDEX series_by_metric ON series (metric, benchmark);
CREATE INDEX series_unsearched ON series (id) WHERE searched <> points;

-- Commits that have a report.
CREATE TABLE measured_commit (
    sha          TEXT PRIMARY KEY,
    position     INTEGER NOT NULL,
    time         INTEGER NOT NULL,
    author       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    reports      INTEGER NOT NULL,
    measurements INTEGER NOT NULL,        -- of the newest report
    failures     INTEGER NOT NULL         -- of the newest report
) WITHOUT ROWID;
CREATE INDEX measured_commit_by_position ON measured_commit (position);

-- Machines and environments, and the stretch of history that each measured.
CREATE TABLE testbed (
    key            TEXT PRIMARY KEY,      -- of all facts
    facts          TEXT    NOT NULL,      -- JSON object
    first_position INTEGER NOT NULL,
    last_position  INTEGER NOT NULL,
    first_time     INTEGER NOT NULL,
    last_time      INTEGER NOT NULL,
    reports        INTEGER NOT NULL
) WITHOUT ROWID;

-- Changes as they were told. Kept over a rebuild: what people said hangs on them.
CREATE TABLE event (
    id         INTEGER PRIMARY KEY,
    series     TEXT    NOT NULL,          -- series.key
    judged     INTEGER NOT NULL,          -- 1: of a metric that is judged
    told_at    INTEGER NOT NULL,
    position   INTEGER NOT NULL,          -- first measured commit of the new level
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    before     REAL    NOT NULL,
    after      REAL    NOT NULL,
    change     REAL    NOT NULL,
    low        REAL    NOT NULL,
    high       REAL    NOT NULL,
    confidence REAL    NOT NULL,
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    recovered  INTEGER,
    seen       INTEGER NOT NULL,
    note       TEXT    NOT NULL DEFAULT '',
    link       TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX event_by_series ON event (series);
CREATE INDEX event_open ON event (judged, position)
    WHERE seen = 1 AND recovered IS NULL AND state IN ('new', 'acknowledged');

-- Append-only.
CREATE TABLE decision (
    id     INTEGER PRIMARY KEY,
    batch  INTEGER NOT NULL,              -- id of the first decision of one request
    time   INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    event  INTEGER NOT NULL,
    before TEXT    NOT NULL,
    after  TEXT    NOT NULL,
    note   TEXT    NOT NULL,
    link   TEXT    NOT NULL,
    undoes INTEGER                        -- the batch that this one takes back
);
CREATE INDEX decision_by_event ON decision (event);
CREATE INDEX decision_by_batch ON decision (batch);
CREATE TRIGGER decision_stays BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decision_holds BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TABLE token (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    hash      TEXT    NOT NULL UNIQUE,    -- SHA-256 of the token, in hexadecimal
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER,
    revoked   INTEGER
);

INSERT INTO state (name, value) VALUES ('facts_generation', 0), ('people_generation', 0);
-- Derive once more, for the new columns and tables.
DELETE FROM point;
DELETE FROM series;
UPDATE state SET value = 0 WHERE name IN ('derived_report', 'points');
