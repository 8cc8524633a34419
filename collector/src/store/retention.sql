-- What goes after a time, and what went.

-- From which entry on the entries of the log came at which time, to the hour. Of what came before
-- this was kept, nobody knows.
CREATE TABLE arrival (
    seq  INTEGER PRIMARY KEY,
    time INTEGER NOT NULL            -- seconds since 1970-01-01 UTC
);
-- Profiles that an entry names, with the newest one that does.
CREATE TABLE named_profile (
    blob TEXT PRIMARY KEY,           -- hash of the profile
    last INTEGER NOT NULL            -- seq of the entry
) WITHOUT ROWID;
CREATE INDEX named_profile_by_last ON named_profile (last);
-- Profiles whose time was over.
CREATE TABLE pruned_profile (
    blob TEXT PRIMARY KEY,
    time INTEGER NOT NULL,           -- when it was pruned
    kept INTEGER NOT NULL            -- after how many days
) WITHOUT ROWID;
-- Reports whose time was over, by their place in the log.
CREATE TABLE pruned_report (
    seq INTEGER PRIMARY KEY
);
