# SPDX-License-Identifier: MIT
## Stands in for `VSekaiUpdater` in tests of the window: same properties, methods and signals, which
## `engine_test.gd` sees to. It records what it is asked for and says what a test tells it to.
extends "res://tests/fake_engine.gd"


func check() -> bool:
	return _begin("check")


func update() -> bool:
	return _begin("update")


func update_by_settings() -> bool:
	return _begin("update_by_settings")


func adopt(folder: String) -> bool:
	return _begin("adopt " + folder)


func verify() -> bool:
	return _begin("verify")


func verify_quick() -> bool:
	return _begin("verify_quick")


func repair() -> bool:
	return _begin("repair")


func rollback_to(version: String) -> bool:
	return _begin("rollback_to " + version)


func list_versions() -> bool:
	return _begin("list_versions")


func remove_version(version: String) -> bool:
	return _begin("remove_version " + version)


func skip_version(version: String) -> bool:
	return _begin("skip_version " + version)


func unskip_version(version: String) -> bool:
	return _begin("unskip_version " + version)


func pin_version(version: String) -> bool:
	return _begin("pin_version " + version)


func unpin_version() -> bool:
	return _begin("unpin_version")


func uninstall(_delete_user_files: bool) -> bool:
	return _begin("uninstall")


func move_to(folder: String) -> bool:
	return _begin("move_to " + folder)


func list_channels() -> bool:
	return _begin("list_channels")


func switch_channel(channel_name: String) -> bool:
	if channel_name.contains(" "):
		return _refuse("the channel does not make sense")
	return _begin("switch_channel " + channel_name)


func forget_read_token() -> bool:
	return _begin("forget_read_token")


func launch(arguments: PackedStringArray, vr: bool) -> bool:
	launch_arguments = arguments
	return _begin("launch vr" if vr else "launch")
