-- SPDX-License-Identifier: MIT
-- Releases, what channels point at, named indexes, tokens and the log of pointer changes.
-- This file has been applied somewhere: never edit it, add a new one.
-- Digests are 64 hexadecimal digits, times are seconds since 1970-01-01 UTC.

CREATE TABLE indexes (
	name TEXT NOT NULL PRIMARY KEY,
	sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
	length INTEGER NOT NULL CHECK (length > 0),
	stored_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE releases (
	id INTEGER NOT NULL PRIMARY KEY,
	title TEXT NOT NULL,
	platform TEXT NOT NULL,
	version TEXT NOT NULL,
	sequence INTEGER NOT NULL CHECK (sequence > 0),
	-- SHA-256 of the manifest with its sequence set to 0: equal for the same release published again.
	identity TEXT NOT NULL CHECK (length(identity) = 64),
	manifest_sha256 TEXT NOT NULL CHECK (length(manifest_sha256) = 64),
	manifest_length INTEGER NOT NULL,
	contents_sha256 TEXT NOT NULL CHECK (length(contents_sha256) = 64),
	contents_length INTEGER NOT NULL,
	index_name TEXT NOT NULL REFERENCES indexes (name),
	files INTEGER NOT NULL,
	installed_bytes INTEGER NOT NULL,
	chunks INTEGER NOT NULL,
	download_bytes INTEGER NOT NULL,
	published_at INTEGER NOT NULL,
	UNIQUE (title, platform, version),
	UNIQUE (title, platform, sequence)
) STRICT;

CREATE TABLE pointers (
	title TEXT NOT NULL,
	channel TEXT NOT NULL,
	platform TEXT NOT NULL,
	release_id INTEGER NOT NULL REFERENCES releases (id),
	PRIMARY KEY (title, channel, platform)
) STRICT, WITHOUT ROWID;

CREATE INDEX pointers_by_release ON pointers (release_id);

CREATE TABLE tokens (
	-- Public part of the token: names it in lists and logs.
	id TEXT NOT NULL PRIMARY KEY,
	label TEXT NOT NULL,
	-- SHA-256 of the whole token, which is stored nowhere.
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	title TEXT NOT NULL,
	channel TEXT NOT NULL,
	verbs TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER,
	revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY,
	at INTEGER NOT NULL,
	token_id TEXT NOT NULL,
	action TEXT NOT NULL,
	title TEXT NOT NULL,
	channel TEXT NOT NULL,
	platform TEXT NOT NULL,
	version TEXT NOT NULL,
	previous_version TEXT
) STRICT;

-- Chunks that are durable and verified. Other files in the store are uploads that a power cut may have torn.
CREATE TABLE chunks (
	id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
	plain_bytes INTEGER NOT NULL,
	stored_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
