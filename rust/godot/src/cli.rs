// SPDX-License-Identifier: MIT
//! The class `VSekaiCli`: the command line inside an exported launcher.

