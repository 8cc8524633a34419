-- Until when nobody need look at a change: a day, or `@` and the place on the main line that it has to
-- come to; as the newest decision that said so and was not taken back. NULL: a decision did not say.
ALTER TABLE change ADD COLUMN snooze TEXT NOT NULL DEFAULT '';
ALTER TABLE decided ADD COLUMN snooze TEXT;
