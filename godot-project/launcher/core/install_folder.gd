# SPDX-License-Identifier: MIT
## Where a title is installed unless somebody says otherwise; the same as on the command line.
class_name InstallFolder
extends RefCounted


static func standard(title: String) -> String:
	var data: String = OS.get_data_dir()
	if OS.get_name() == "Windows":
		# Games do not belong in the part of a profile that roams from computer to computer.
		data = OS.get_environment("LOCALAPPDATA").replace("\\", "/")
	return data.path_join("V-Sekai").path_join(title)


## The folder to install into when the player picked `chosen`: a new or empty folder, or one that is
## an install already, is used as it is; otherwise a folder of the title's own inside it.
static func inside(chosen: String, title: String) -> String:
	var folder: DirAccess = DirAccess.open(chosen)
	if folder == null:
		return chosen
	folder.include_hidden = true
	var used: bool = not (folder.get_directories().is_empty() and folder.get_files().is_empty())
	if not used or folder.dir_exists(".vsekai") or chosen.get_file() == title:
		return chosen
	return chosen.path_join(title)
