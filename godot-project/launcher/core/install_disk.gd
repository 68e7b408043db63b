# SPDX-License-Identifier: MIT
## What can be seen of an install folder on its disk.
class_name InstallDisk
extends RefCounted


## Room on the disk that holds `folder`, or will; -1 if nobody can tell.
static func free_bytes(folder: String) -> int:
	var path: String = folder
	var found: DirAccess = DirAccess.open(path)
	# A folder that is not there yet lies on the disk of the nearest one that is.
	while found == null and not path.is_empty() and path.get_base_dir() != path:
		path = path.get_base_dir()
		found = DirAccess.open(path)
	return found.get_space_left() if found != null else -1
