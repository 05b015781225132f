-- SPDX-License-Identifier: MIT
-- What schema 8 added to a store of schema 7.
CREATE TABLE counter( day INTEGER NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(day, name, label)) STRICT, WITHOUT ROWID;
ALTER TABLE block ADD COLUMN mailed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE block ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
UPDATE block SET mailed_at = shown_at, counted = first_at > 0;
CREATE INDEX block_unmailed ON block(first_at) WHERE mailed_at = 0;
INSERT INTO counter VALUES(0, 'lookup', 'confirmed', 3);
INSERT INTO counter VALUES(20775, 'lookup', 'confirmed', 2);
PRAGMA user_version = 8;
