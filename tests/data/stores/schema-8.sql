-- SPDX-License-Identifier: MIT
-- What schema 8 added to a store of schema 7.
CREATE TABLE counter( day INTEGER NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(day, name, label)) STRICT, WITHOUT ROWID;
ALTER TABLE block ADD COLUMN mailed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE block ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
UPDATE block SET mailed_at = shown_at, counted = first_at > 0;
CREATE INDEX block_unmailed ON block(first_at) WHERE mailed_at = 0;
CREATE INDEX block_tier ON block(tier, until);
CREATE TABLE publication( key BLOB NOT NULL, addr BLOB NOT NULL, octet INTEGER NOT NULL, until INTEGER NOT NULL, state INTEGER NOT NULL, next_at INTEGER NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(key, addr, octet, until)) STRICT, WITHOUT ROWID;
CREATE INDEX publication_addr ON publication(addr);
CREATE INDEX publication_until ON publication(until);
CREATE INDEX publication_due ON publication(state, next_at) WHERE state IN (1, 3);
INSERT INTO counter VALUES(0, 'lookup', 'confirmed', 3);
INSERT INTO counter VALUES(20775, 'lookup', 'confirmed', 2);
INSERT INTO publication VALUES(X'00000000000000000000FFFF2D010101', X'00000000000000000000FFFF2D010101', 2, 4000000000, 2, 1795000000, 0, 1795000001);
PRAGMA user_version = 8;
