// SPDX-License-Identifier: MIT
//! What a player's side believes, and what it remembers.
