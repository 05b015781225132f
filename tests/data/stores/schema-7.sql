-- SPDX-License-Identifier: MIT
-- What schema 7 added to a store of schema 6.
CREATE TABLE fetch( kind INTEGER NOT NULL, name TEXT NOT NULL, identity INTEGER NOT NULL, etag TEXT NOT NULL, modified TEXT NOT NULL, tried_at INTEGER NOT NULL, next_at INTEGER NOT NULL, tries INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;
INSERT INTO fetch VALUES(0, 'ipsum', 1, '"e1"', '', 1795000000, 1795021600, 0, '');
PRAGMA user_version = 7;
