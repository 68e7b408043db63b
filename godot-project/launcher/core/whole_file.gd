# SPDX-License-Identifier: MIT
## Writes a file as a whole: it goes beside its place first, and takes it once all of it is there.
class_name WholeFile
extends RefCounted


## Returns what went wrong, or OK; what was at `path` before stays then.
static func write(path: String, text: String) -> Error:
	var beside: String = path + ".new"
	var file: FileAccess = FileAccess.open(beside, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_string(text)
	file.close()
	# A disk that is full shows when the file is closed, and the engine does not tell.
	if FileAccess.get_file_as_bytes(beside) != text.to_utf8_buffer():
		DirAccess.remove_absolute(beside)
		return ERR_FILE_CANT_WRITE
	return DirAccess.rename_absolute(beside, path)
