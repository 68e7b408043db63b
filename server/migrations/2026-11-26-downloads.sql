-- SPDX-License-Identifier: MIT
-- How often the index of each release was fetched from this server. Says nothing about who fetched it.
-- This file has been applied somewhere: never edit it, add a new one.

CREATE TABLE downloads (
	index_name TEXT NOT NULL PRIMARY KEY REFERENCES indexes (name) ON DELETE CASCADE,
	count INTEGER NOT NULL CHECK (count >= 0)
) STRICT, WITHOUT ROWID;
