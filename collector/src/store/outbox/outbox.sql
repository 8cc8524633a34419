-- Channels that hear of alerts, and the messages to them. No part of the log: an export carries
-- neither addresses nor secrets, and what is read in or derived anew sends nothing.
CREATE TABLE channel (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    sink         TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    secret       TEXT    NOT NULL,
    former       TEXT    NOT NULL DEFAULT '',
    room         TEXT    NOT NULL,
    sender       TEXT    NOT NULL,
    private      INTEGER NOT NULL,     -- 1: the address may lie in a private network
    improvements INTEGER NOT NULL,
    since        INTEGER NOT NULL,     -- changes up to this position are history
    created      INTEGER NOT NULL,
    disabled     INTEGER,              -- when; NULL: in use
    why          TEXT    NOT NULL DEFAULT ''
);

-- One message to one channel about one commit set.
CREATE TABLE outbox (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: a late result is of its own message
    id      TEXT    NOT NULL UNIQUE,   -- the same at each try
    channel INTEGER NOT NULL,
    news    TEXT    NOT NULL,          -- moved, narrowed, recovered, test, disabled, missed
    first   INTEGER NOT NULL,          -- positions of the commit set
    last    INTEGER NOT NULL,
    about   INTEGER,                   -- narrowed, recovered: the message whose changes are meant
    created INTEGER NOT NULL,
    due     INTEGER NOT NULL,          -- the next try
    leased  INTEGER NOT NULL DEFAULT 0,-- until when somebody is sending it
    epoch   INTEGER NOT NULL DEFAULT 0,-- grows with each lease: a late result is void
    tries   INTEGER NOT NULL DEFAULT 0,
    state   TEXT    NOT NULL DEFAULT 'waiting', -- waiting, delivered, failed, dropped, missed
    ended   INTEGER,
    answer  TEXT    NOT NULL DEFAULT '',
    message TEXT                       -- as it was first composed, as JSON
);
CREATE INDEX outbox_waiting ON outbox (due) WHERE state = 'waiting';
CREATE INDEX outbox_by_channel ON outbox (channel, last);

-- The changes that a message is about.
CREATE TABLE outbox_change (
    message INTEGER NOT NULL,          -- outbox.seq
    change  TEXT    NOT NULL,          -- change.id
    series  TEXT    NOT NULL,          -- series.key
    PRIMARY KEY (message, change)
) WITHOUT ROWID;
CREATE INDEX outbox_change_by_change ON outbox_change (change);
