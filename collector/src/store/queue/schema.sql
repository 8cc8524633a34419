-- What a server keeps beside its tokens: projects, jobs, leases, collectors. Times are milliseconds
-- since 1970-01-01 UTC by the clock of the machine that serves.
CREATE TABLE project (
    name    TEXT PRIMARY KEY,
    url     TEXT    NOT NULL,
    branch  TEXT    NOT NULL,
    poll    INTEGER NOT NULL,             -- seconds between looks
    labels  TEXT    NOT NULL,             -- JSON: which labels measure each commit
    secret  TEXT    NOT NULL DEFAULT '',  -- of its push webhook; empty: none is taken
    seen    TEXT    NOT NULL DEFAULT '',  -- the tip up to which commits were offered
    looked  INTEGER NOT NULL DEFAULT 0,   -- when its repository was last reached
    trouble TEXT    NOT NULL DEFAULT '',  -- why it cannot be
    created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE job (
    id         INTEGER PRIMARY KEY,
    project    TEXT    NOT NULL,
    sha        TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    subject    TEXT    NOT NULL,
    label      TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    rank       INTEGER NOT NULL,             -- of its purpose
    state      TEXT    NOT NULL DEFAULT 'waiting',
    epoch      INTEGER NOT NULL DEFAULT 0,   -- raised by every lease
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    offered    INTEGER NOT NULL,
    started    INTEGER,
    ended      INTEGER,
    collector  TEXT    NOT NULL DEFAULT '',  -- who had it last
    avoid      TEXT    NOT NULL DEFAULT '',  -- whose machine failed it last
    stage      TEXT    NOT NULL DEFAULT '',
    why        TEXT    NOT NULL DEFAULT '',
    report     TEXT    NOT NULL DEFAULT '',  -- the hash of what came of it
    UNIQUE (project, sha, label, purpose)
);
CREATE INDEX job_waiting ON job (rank, id DESC) WHERE state = 'waiting';
CREATE INDEX job_oldest ON job (id) WHERE state = 'waiting';
CREATE INDEX job_by_state ON job (state, ended);

CREATE TABLE lease (
    job       INTEGER PRIMARY KEY,
    epoch     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    collector TEXT    NOT NULL,
    session   TEXT    NOT NULL,
    holder    TEXT    NOT NULL,             -- whose token it was given to
    stage     TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE collector (
    name    TEXT PRIMARY KEY,
    session TEXT    NOT NULL,
    labels  TEXT    NOT NULL,               -- JSON
    version TEXT    NOT NULL,
    testbed TEXT    NOT NULL,               -- JSON
    first   INTEGER NOT NULL,
    beat    INTEGER NOT NULL                -- when it was last heard of
) WITHOUT ROWID;

-- Which labels a collector's token may take jobs of; none: all.
CREATE TABLE token_label (
    token INTEGER NOT NULL REFERENCES token (id),
    label TEXT    NOT NULL,
    PRIMARY KEY (token, label)
) WITHOUT ROWID;

INSERT INTO state (name, value) VALUES ('leases', 0);
