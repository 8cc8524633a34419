ALTER TABLE pull RENAME COLUMN told TO notified;          -- the head whose judgement the forge has
ALTER TABLE pull RENAME COLUMN tell_after TO retry_after; -- when it is tried again
ALTER TABLE pull RENAME COLUMN tell_why TO notify_why;    -- why it does not have it
ALTER TABLE pull ADD COLUMN tried INTEGER NOT NULL DEFAULT 0; -- when that head could not be fetched last
