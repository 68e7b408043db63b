# SPDX-License-Identifier: MIT
## What can be seen of an install folder on its disk.
class_name InstallDisk
extends RefCounted

## Where the engine keeps the documents of each version; written when it was installed.
const DOCUMENTS: String = ".vsekai/releases"


## Room on the disk that holds `folder`, or will; -1 if nobody can tell.
static func free_bytes(folder: String) -> int:
	var path: String = folder
	var found: DirAccess = DirAccess.open(path)
	# A folder that is not there yet lies on the disk of the nearest one that is.
	while found == null and not path.is_empty() and path.get_base_dir() != path:
		path = path.get_base_dir()
		found = DirAccess.open(path)
	return found.get_space_left() if found != null else -1


## The engine's list of versions, each with the time at which it was installed in `folder`.
static func with_dates(versions: Array, folder: String) -> Array:
	var dated: Array = []
	for entry: Variant in versions.slice(0, InstalledVersion.MAX_SHOWN):
		if entry is Dictionary:
			var values: Dictionary = (entry as Dictionary).duplicate()
			if not values.has("installed_at"):
				values["installed_at"] = _installed_at(folder, str(values.get("name", "")))
			dated.append(values)
	return dated


static func _installed_at(folder: String, name: String) -> int:
	if name.is_empty() or not name.is_valid_filename():
		return 0
	var documents: String = folder.path_join(DOCUMENTS).path_join(name)
	for file: String in DirAccess.get_files_at(documents):
		return FileAccess.get_modified_time(documents.path_join(file))
	return 0
