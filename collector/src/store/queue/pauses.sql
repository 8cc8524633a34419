-- Which collectors take no job of a project for a while, because their machines failed the last ones.
CREATE TABLE pause (
    collector TEXT    NOT NULL,
    project   TEXT    NOT NULL,
    failures  INTEGER NOT NULL,              -- in a row
    until     INTEGER NOT NULL,
    stage     TEXT    NOT NULL,              -- where the last one failed
    why       TEXT    NOT NULL,
    PRIMARY KEY (collector, project)
) WITHOUT ROWID;
