// SPDX-License-Identifier: MIT
//! Attacks on signed releases, a file for each. Every one is refused in words, and what was trusted before is
//! trusted still, byte for byte. The metadata is signed for real and served by a real server.

mod broken_other_channel;
mod changed_after_signing;
mod clock_set_back;
mod delegation_cycle;
mod delegation_outside_paths;
mod delegation_too_wide;
mod duplicate_key_ids;
mod endless_metadata;
mod endless_roots;
mod endless_timestamp;
mod expired_channel;
mod expired_root;
mod expired_snapshot;
mod expired_targets;
mod expired_timestamp;
mod false_key_id;
mod fast_forward_snapshot;
mod fast_forward_timestamp;
#[path = "../support/forge.rs"]
mod forge;
mod freeze;
mod hash_mismatch;
mod huge_length;
mod length_cut;
mod length_mismatch;
mod mix_and_match_channel;
mod mix_and_match_snapshot;
mod mix_and_match_version;
mod not_json;
mod other_channel;
mod other_form;
mod other_manifest;
mod path_tricks;
mod pointer_in_targets;
mod repeated_signature;
mod rollback_channel;
mod rollback_other_channel;
mod rollback_root;
mod rollback_snapshot;
mod rollback_targets;
mod rollback_timestamp;
mod root_gap;
mod root_jump;
mod root_of_another_publisher;
mod root_pin_replaced;
mod root_without_new_keys;
mod root_without_old_keys;
mod slow_data;
mod state_damaged;
mod state_removed;
mod threshold_not_met;
mod timestamp_of_two;
mod unknown_specification;
mod unsigned;
mod vanished_role;
mod victim;
#[allow(dead_code, reason = "not every fault is an attack")]
#[path = "../../../engine/tests/support/web.rs"]
mod web;
mod withheld;
mod wrong_key;
mod wrong_role_type;
