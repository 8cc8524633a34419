-- Who takes a change on, which commit mended it, and by when: each as the newest decision that said
-- so and was not taken back. NULL: a decision did not say.
ALTER TABLE change ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE change ADD COLUMN fixed TEXT NOT NULL DEFAULT '';
ALTER TABLE change ADD COLUMN due TEXT NOT NULL DEFAULT '';
ALTER TABLE decided ADD COLUMN assignee TEXT;
ALTER TABLE decided ADD COLUMN fixed TEXT;
ALTER TABLE decided ADD COLUMN due TEXT;
