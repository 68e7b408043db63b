-- SPDX-License-Identifier: MIT
-- What may be collected, what is kept on purpose, and one log of everything that was changed by whom.
-- This file has been applied somewhere: never edit it, add a new one.
-- Digests are 64 hexadecimal digits, times are seconds since 1970-01-01 UTC.

-- When somebody last uploaded the chunk or was told that it is there. Until some time after that it stays,
-- although no release needs it yet.
ALTER TABLE chunks ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
UPDATE chunks SET touched_at = unixepoch();

-- When the role that listed the target stopped to; NULL while it is listed.
ALTER TABLE targets ADD COLUMN unlisted_at INTEGER;

-- Releases that are kept whatever the rules say.
CREATE TABLE holds (
	release_id INTEGER NOT NULL PRIMARY KEY REFERENCES releases (id),
	reason TEXT NOT NULL,
	at INTEGER NOT NULL
) STRICT;

-- Releases that were collected. Their names stay taken: what is behind a name never changes.
CREATE TABLE collected_releases (
	title TEXT NOT NULL,
	platform TEXT NOT NULL,
	version TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	identity TEXT NOT NULL CHECK (length(identity) = 64),
	collected_at INTEGER NOT NULL,
	PRIMARY KEY (title, platform, version)
) STRICT, WITHOUT ROWID;

-- Who changed what. Rows are added and never touched again; the triggers below see to it.
CREATE TABLE audit_log (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	-- Public part of the token used; "server" and "shell" need none.
	token_id TEXT NOT NULL,
	-- What the token was called.
	token_label TEXT NOT NULL,
	action TEXT NOT NULL,
	title TEXT,
	channel TEXT,
	platform TEXT,
	version TEXT,
	-- What the channel pointed at before.
	previous_version TEXT,
	-- The token, role or whatever else was changed.
	subject TEXT,
	detail TEXT
) STRICT;

INSERT INTO audit_log (at, token_id, token_label, action, title, channel, platform, version, previous_version)
	SELECT audit.at, audit.token_id, coalesce(tokens.label, ''), audit.action, audit.title, audit.channel,
		audit.platform, audit.version, audit.previous_version
	FROM audit LEFT JOIN tokens ON tokens.id = audit.token_id ORDER BY audit.id;
INSERT INTO audit_log (at, token_id, token_label, action, title, subject, detail)
	SELECT metadata_audit.at, metadata_audit.token_id, coalesce(tokens.label, ''), 'sign', metadata_audit.title,
		metadata_audit.role, 'version ' || metadata_audit.version
	FROM metadata_audit LEFT JOIN tokens ON tokens.id = metadata_audit.token_id ORDER BY metadata_audit.id;
DROP TABLE audit;
DROP TABLE metadata_audit;

CREATE INDEX audit_log_by_title ON audit_log (title, id);

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN
	SELECT RAISE(ABORT, 'the audit log is only added to');
END;

CREATE TRIGGER audit_log_is_not_shortened BEFORE DELETE ON audit_log
BEGIN
	SELECT RAISE(ABORT, 'the audit log is only added to');
END;
