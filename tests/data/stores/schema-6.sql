-- SPDX-License-Identifier: MIT
-- What schema 6 added to a store of schema 5.
ALTER TABLE zone ADD COLUMN probed6_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE zone ADD COLUMN applied INTEGER NOT NULL DEFAULT 0;
UPDATE zone SET probed6_at = 1795000000;
PRAGMA user_version = 6;
