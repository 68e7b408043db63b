-- SPDX-License-Identifier: MIT
-- Channels that are read with a token alone.
-- This file has been applied somewhere: never edit it, add a new one.

CREATE TABLE private_channels (
	title TEXT NOT NULL,
	channel TEXT NOT NULL,
	PRIMARY KEY (title, channel)
) STRICT, WITHOUT ROWID;
