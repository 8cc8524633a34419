-- A log that several nodes share. Everything of a node's replica that is not derived: each row has
-- the version of its file at which it was written last, so that whoever has one version reads what
-- came after it.
CREATE TABLE uptick.head (
    file    text   PRIMARY KEY,              -- service, project/NAME
    version bigint NOT NULL,
    mark    text   NOT NULL DEFAULT '',      -- of who wrote that version
    moving  text   NOT NULL DEFAULT ''       -- the move that fills it; nobody else writes meanwhile
);
CREATE TABLE uptick.entry (
    file     text   NOT NULL,
    seq      bigint NOT NULL,
    kind     text   NOT NULL,
    hash     text   NOT NULL,                -- SHA-256 of the bytes that came in
    document bytea  NOT NULL,                -- zstd of those bytes
    version  bigint NOT NULL,
    PRIMARY KEY (file, seq),
    UNIQUE (file, hash)
);
ALTER TABLE uptick.entry ALTER COLUMN document SET STORAGE EXTERNAL;
CREATE INDEX entry_by_version ON uptick.entry (file, version);
CREATE TABLE uptick.blob (
    file    text   NOT NULL,
    hash    text   NOT NULL,
    bytes   bytea,                           -- NULL: it went
    version bigint NOT NULL,
    PRIMARY KEY (file, hash)
);
ALTER TABLE uptick.blob ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX blob_by_version ON uptick.blob (file, version);
-- Rows of the tables that are neither log nor view, as JSON by column.
CREATE TABLE uptick.line (
    file    text   NOT NULL,
    name    text   NOT NULL,                 -- the table
    key     text   NOT NULL,                 -- JSON array
    value   text,                            -- JSON object; NULL: it went
    version bigint NOT NULL,
    PRIMARY KEY (file, name, key)
) WITH (fillfactor = 70);
CREATE INDEX line_by_version ON uptick.line (file, version);
-- Who wrote the newest versions: whoever lost the connection while it wrote finds out here.
CREATE TABLE uptick.written (
    file    text   NOT NULL,
    version bigint NOT NULL,
    mark    text   NOT NULL,
    PRIMARY KEY (file, version)
);
-- Moves when a node tries whether writes are kept.
CREATE TABLE uptick.probe (
    one int PRIMARY KEY CHECK (one = 1),
    n   bigint NOT NULL
);
INSERT INTO uptick.probe VALUES (1, 0);
