-- Commits that the main line once had and has no longer: what their reports say of it is past.
CREATE TABLE line_left (
    sha TEXT PRIMARY KEY
) WITHOUT ROWID;
