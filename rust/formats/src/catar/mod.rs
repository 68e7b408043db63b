// SPDX-License-Identifier: MIT
//! catar archives: one file tree as a flat run of records.
//!
//! Every record is its size in bytes, header included (u64), its type (u64) and a body. A folder's entries
//! follow it in ascending order of their name bytes, each behind a FILENAME record, and a GOODBYE record
//! with a look-up table closes it:
//!
//! ```text
//! archive = node
//! node    = ENTRY metadata* content
//! content = PAYLOAD | SYMLINK | DEVICE | (nothing: FIFO, socket) | (FILENAME node)* GOODBYE
//! ```

pub mod goodbye;
pub mod record;
