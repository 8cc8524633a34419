-- Reports that somebody excluded, or took back in: what was said last of each.
CREATE TABLE exclusion (
    report TEXT PRIMARY KEY,         -- hash of the report
    out    INTEGER NOT NULL,         -- 1: excluded
    sha    TEXT    NOT NULL,         -- its commit; empty until the report is here
    reason TEXT    NOT NULL,
    actor  TEXT    NOT NULL,
    time   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX exclusion_by_sha ON exclusion (sha);

-- Keys that clients gave to what they handed in, each with the hash of the body.
CREATE TABLE handed (
    key  TEXT PRIMARY KEY,           -- hash of who and key
    body TEXT    NOT NULL,
    time INTEGER NOT NULL
) WITHOUT ROWID;

-- How many numbers of the report after `applied` are applied: a large one takes several transactions.
INSERT INTO state (name, value) VALUES ('part', 0);
-- Moves when somebody tries whether writes are kept.
INSERT INTO state (name, value) VALUES ('probes', 0);
