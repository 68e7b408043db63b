// SPDX-License-Identifier: MIT
//! Placeholder.
fn main() {}
