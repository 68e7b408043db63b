// SPDX-License-Identifier: MIT
//! The server's promises, each tested through real HTTP on this machine.

mod access;
mod admin;
mod admin_page;
mod backup;
mod bucket;
mod build;
mod chunks;
mod client;
mod collect;
mod crash;
mod desync_routes;
mod export;
mod export_kills;
mod interop;
mod lane;
mod limits;
mod mirror;
mod openapi;
mod private;
mod program;
mod publish;
mod rates;
mod refusals;
mod signed;
mod signer;
mod static_files;
mod tls;
