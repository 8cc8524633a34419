-- The report is the truth: one immutable, compressed document, addressed by its content.
CREATE TABLE report (
    id          INTEGER PRIMARY KEY,
    hash        TEXT    NOT NULL UNIQUE,  -- SHA-256 of the uncompressed document
    sha         TEXT    NOT NULL,         -- the commit
    position    INTEGER NOT NULL,
    build_key   TEXT    NOT NULL,
    suite_key   TEXT    NOT NULL,
    testbed_key TEXT    NOT NULL,
    started     INTEGER NOT NULL,         -- seconds since 1970-01-01 UTC
    failed      INTEGER NOT NULL,         -- 1: the commit as a whole gave no number
    document    BLOB    NOT NULL          -- zstd of the JSON document
);
CREATE INDEX report_by_commit ON report (sha, suite_key, testbed_key);
CREATE INDEX report_by_build ON report (build_key, suite_key, testbed_key);

-- Content-addressed profiles, zstd-compressed.
CREATE TABLE blob (
    hash  TEXT PRIMARY KEY,               -- SHA-256 of the uncompressed bytes
    bytes BLOB NOT NULL
) WITHOUT ROWID;

-- Call stacks of one benchmark on one commit, taken after its report when somebody asked why.
CREATE TABLE stacks (
    sha         TEXT NOT NULL,
    benchmark   TEXT NOT NULL,
    suite_key   TEXT NOT NULL,
    blob        TEXT NOT NULL REFERENCES blob (hash),
    PRIMARY KEY (sha, benchmark, suite_key)
) WITHOUT ROWID;

-- Everything below is derived from the reports and can be rebuilt from them.
CREATE TABLE series (
    id          INTEGER PRIMARY KEY,
    benchmark   TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    counter     TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,         -- of the testbed, for this counter
    class       TEXT    NOT NULL,         -- noise class at the newest position
    points      INTEGER NOT NULL DEFAULT 0,
    latest_position INTEGER NOT NULL,
    latest_value    REAL    NOT NULL,
    UNIQUE (benchmark, metric, counter, fingerprint)
);

CREATE TABLE point (
    series   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    report   INTEGER NOT NULL,
    value    REAL    NOT NULL,
    low      REAL    NOT NULL,
    high     REAL    NOT NULL,
    PRIMARY KEY (series, position, report)
) WITHOUT ROWID;

-- Counters shown on pages, and how far deriving has come.
CREATE TABLE state (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO state (name, value) VALUES ('derived_report', 0), ('reports', 0), ('points', 0);
