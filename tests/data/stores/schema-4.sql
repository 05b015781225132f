-- SPDX-License-Identifier: MIT
-- What schema 4 added to a store of schema 3.
ALTER TABLE block ADD COLUMN recheck_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN addr BLOB;
CREATE INDEX block_recheck ON block(max(recheck_at, since + 604800));
CREATE TABLE released( key BLOB PRIMARY KEY, at INTEGER NOT NULL, tier TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX released_at ON released(at, key);
UPDATE block SET recheck_at = 1797592000;
INSERT INTO released VALUES(X'00000000000000000000FFFF2D080808', 1795000000, 'notorious');
PRAGMA user_version = 4;
