-- SPDX-License-Identifier: MIT
-- How much each token has uploaded on the last day that it did.
-- This file has been applied somewhere: never edit it, add a new one.

CREATE TABLE uploads (
	token_id TEXT NOT NULL PRIMARY KEY,
	-- Days since 1970-01-01 UTC.
	day INTEGER NOT NULL,
	bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
