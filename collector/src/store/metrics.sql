-- Metrics of one's own. Their unit is part of what names a series; which way is better is how it is
-- judged at its newest position. Both are empty for the well-known ones.
CREATE TABLE series_of_metrics (
    id          INTEGER PRIMARY KEY,
    benchmark   TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    better      TEXT    NOT NULL,
    counter     TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,         -- of the testbed, for this counter
    class       TEXT    NOT NULL,         -- noise class at the newest position
    points      INTEGER NOT NULL DEFAULT 0,
    latest_position INTEGER NOT NULL,
    latest_value    REAL    NOT NULL,
    key         TEXT    NOT NULL DEFAULT '',
    latest_sha  TEXT    NOT NULL DEFAULT '',
    latest_time INTEGER NOT NULL DEFAULT 0,
    kind        TEXT    NOT NULL DEFAULT 'young',
    noise       REAL    NOT NULL DEFAULT 0,
    drift       REAL    NOT NULL DEFAULT 0,
    searched    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (benchmark, metric, unit, counter, fingerprint)
);
INSERT INTO series_of_metrics
SELECT id, benchmark, metric, '', '', counter, fingerprint, class, points, latest_position,
    latest_value, key, latest_sha, latest_time, kind, noise, drift, searched FROM series;
DROP TABLE series;
ALTER TABLE series_of_metrics RENAME TO series;
CREATE INDEX series_by_key ON series (key);
CREATE INDEX series_by_metric ON series (metric, benchmark);
CREATE INDEX series_unsearched ON series (id) WHERE searched <> points;
CREATE INDEX series_by_testbed ON series (fingerprint);
