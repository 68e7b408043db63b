// SPDX-License-Identifier: MIT
//! Keys, the ceremony, and signing of releases and channels.
