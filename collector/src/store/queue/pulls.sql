-- Pull requests: which references of a project's repository are looked at, and what their heads are.
ALTER TABLE project ADD COLUMN pulls TEXT NOT NULL DEFAULT '[]';        -- JSON: patterns; none: none is
ALTER TABLE job ADD COLUMN reference TEXT NOT NULL DEFAULT '';          -- what is fetched; of a pull request's head
ALTER TABLE collector ADD COLUMN untrusted INTEGER NOT NULL DEFAULT 0;  -- it takes pull requests

CREATE TABLE pull (
    project     TEXT NOT NULL,
    reference   TEXT NOT NULL,
    sha         TEXT NOT NULL,              -- its head as it was seen last
    own         INTEGER NOT NULL,           -- a branch of the repository itself has that head: no fork
    approved    TEXT NOT NULL DEFAULT '',   -- the head that somebody let be measured; another is not
    approved_by TEXT NOT NULL DEFAULT '',
    offered     TEXT NOT NULL DEFAULT '',   -- the head that jobs were made for
    base        TEXT NOT NULL DEFAULT '',   -- where that left the main line
    subject     TEXT NOT NULL DEFAULT '',
    seen        INTEGER NOT NULL,           -- when this head was first seen
    told        TEXT NOT NULL DEFAULT '',   -- the head of which the forge has heard
    tell_after  INTEGER NOT NULL DEFAULT 0, -- when it is tried again
    tell_why    TEXT NOT NULL DEFAULT '',   -- why it has not
    PRIMARY KEY (project, reference)
) WITHOUT ROWID;
CREATE INDEX pull_by_head ON pull (project, sha);

-- Where a project lies, for what is said of its pull requests there.
CREATE TABLE forge (
    project    TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    api        TEXT NOT NULL,
    repository TEXT NOT NULL,
    token      TEXT NOT NULL                -- never shown
) WITHOUT ROWID;
