-- What Health judges every series by, without reading a point: the spread that calibration saw at
-- the newest position, and how far the series varied by when it was last looked at, as the gate has
-- it: a fraction of the level, or units (varies_in_units = 1) where values are 0 or negative.
ALTER TABLE series ADD COLUMN spread REAL NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN varies REAL NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN varies_in_units INTEGER NOT NULL DEFAULT 0;
-- Until it is looked at again, by what the change finder said.
UPDATE series SET varies = noise;
