-- Groups of changes as people made them: an event that somebody merged with others or split off
-- stands in the group of that number, which is the batch of the decision. NULL: grouped by its
-- commit set, as all events are at first.
ALTER TABLE event ADD COLUMN cause INTEGER;
-- 1: the decision put its events into a group of their own.
ALTER TABLE decision ADD COLUMN regroups INTEGER NOT NULL DEFAULT 0;
