// SPDX-License-Identifier: MIT
//! The commands with each other and with the real desync and casync, in both directions.
#![cfg(unix)]

mod blobs;
mod common;
mod damage;
mod http;
mod layout;
mod pairs;
mod random;
mod records;
mod share;
mod tarfiles;
mod trees;
