-- What a collector speaks; those of before it was said speak the first.
ALTER TABLE collector ADD COLUMN protocol INTEGER NOT NULL DEFAULT 1;
