// SPDX-License-Identifier: MIT
//! The two roles a server signs by itself: snapshot and timestamp.
