-- SPDX-License-Identifier: MIT
-- Signed metadata (TUF) of each title, and what it lists.
-- This file has been applied somewhere: never edit it, add a new one.
-- Digests are 64 hexadecimal digits, times are seconds since 1970-01-01 UTC.

CREATE TABLE metadata (
	title TEXT NOT NULL,
	-- root, targets, snapshot, timestamp, or a channel.
	role TEXT NOT NULL,
	version INTEGER NOT NULL CHECK (version > 0),
	-- Byte for byte as it was signed and is served.
	text TEXT NOT NULL,
	expires_at INTEGER NOT NULL,
	stored_at INTEGER NOT NULL,
	PRIMARY KEY (title, role, version)
) STRICT;

CREATE TABLE targets (
	title TEXT NOT NULL,
	name TEXT NOT NULL,
	sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
	length INTEGER NOT NULL,
	-- The channel pointer itself; a manifest is a document.
	text TEXT,
	PRIMARY KEY (title, name, sha256)
) STRICT, WITHOUT ROWID;

-- Who put which metadata in force.
CREATE TABLE metadata_audit (
	id INTEGER NOT NULL PRIMARY KEY,
	at INTEGER NOT NULL,
	token_id TEXT NOT NULL,
	title TEXT NOT NULL,
	role TEXT NOT NULL,
	version INTEGER NOT NULL
) STRICT;
