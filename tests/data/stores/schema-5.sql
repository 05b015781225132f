-- SPDX-License-Identifier: MIT
-- What schema 5 added to a store of schema 4.
ALTER TABLE block ADD COLUMN seen TEXT NOT NULL DEFAULT '';
CREATE TABLE ambiguous( key BLOB NOT NULL, at INTEGER NOT NULL, logins INTEGER NOT NULL, others INTEGER NOT NULL, PRIMARY KEY(key, at)) STRICT, WITHOUT ROWID;
CREATE INDEX ambiguous_at ON ambiguous(at);
UPDATE block SET seen = 'banned by sshd, 5 failures';
INSERT INTO ambiguous VALUES(X'00000000000000000000FFFF2D040404', 1795000000, 1, 0);
PRAGMA user_version = 5;
