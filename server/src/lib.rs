// SPDX-License-Identifier: MIT
//! The update server: releases, channels, tokens, manifests and chunks in one data folder.
//!
//! Layers, each knowing only those before it: [`db`] (rows) and [`storage`] (files), [`service`] (what the
//! server does, without HTTP), [`http`] (one file per endpoint), [`server`] (all of it, started and stopped).

pub mod admin;
pub mod backup;
pub mod db;
mod dev;
pub mod export;
pub mod fsck;
pub mod http;
pub mod limits;
pub mod mirror;
pub mod rates;
pub mod retention;
mod room;
pub mod server;
pub mod service;
pub mod signing;
pub mod site;
pub mod storage;
pub mod tls;

pub use limits::Limits;
pub use retention::Retention;
pub use server::{RunningServer, Server, ServerConfig, StartError};
pub use signing::Signing;
pub use tls::TlsFiles;
