-- What went is found without a look at what is there.
CREATE INDEX blob_gone ON uptick.blob (file, version) WHERE bytes IS NULL;
CREATE INDEX line_gone ON uptick.line (file, version) WHERE value IS NULL;
