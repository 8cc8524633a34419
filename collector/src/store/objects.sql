-- Profiles that lie outside this file: in a directory or in an object store.

-- Where, in one row: the address that people name, and the folder in it that is this store's alone.
CREATE TABLE object_place (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    place  TEXT NOT NULL,
    folder TEXT NOT NULL
);
-- Those that were put there and read back. One that is in `blob` too came once more, and is looked
-- after once more.
CREATE TABLE object (
    hash  TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
-- Those that were dropped here and may still lie there.
CREATE TABLE object_left (
    hash TEXT PRIMARY KEY
) WITHOUT ROWID;
-- Profiles that the store has, wherever they lie.
CREATE VIEW profile_here AS SELECT hash FROM blob UNION ALL SELECT hash FROM object;
