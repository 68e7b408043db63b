# SPDX-License-Identifier: MIT
## Writes a file as a whole: it goes beside its place first, and takes it once all of it is there.
##
## On Windows the engine removes what is in the place before it renames, so whoever is stopped
## between the two leaves the new file beside its place and nothing in it. Readers call `settle`
## first. The engine cannot sync: a power cut may take back what was written last.
class_name WholeFile
extends RefCounted

const BESIDE: String = ".new"


## Returns what went wrong, or OK; then what was at `path` before stays or, on Windows, this text
## lies beside it.
static func write(path: String, text: String) -> Error:
	# What lies beside it may be all there is.
	settle(path)
	var beside: String = path + BESIDE
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


## Gives a file that was left beside its place, with nothing in it, the place.
static func settle(path: String) -> void:
	if not FileAccess.file_exists(path) and FileAccess.file_exists(path + BESIDE):
		DirAccess.rename_absolute(path + BESIDE, path)
