-- Who did what to a server: its tokens, projects and channels, and jobs by hand.
CREATE TABLE act (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    time   INTEGER NOT NULL,              -- milliseconds since 1970-01-01 UTC
    actor  TEXT    NOT NULL,
    what   TEXT    NOT NULL,              -- made, revoked, cancelled, …
    thing  TEXT    NOT NULL,              -- token 3, project lexis, job 7
    detail TEXT    NOT NULL DEFAULT ''
);
