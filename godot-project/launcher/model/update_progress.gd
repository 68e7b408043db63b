# SPDX-License-Identifier: MIT
## How far the running step is. Sizes are bytes.
class_name UpdateProgress
extends RefCounted

## `download`, `apply` or `verify`; empty before the first report.
var step: String = ""
var done_bytes: int = 0
var total_bytes: int = 0
var bytes_per_second: int = 0
## -1 when it is not known.
var seconds_left: int = -1


static func from(values: Dictionary) -> UpdateProgress:
	var progress: UpdateProgress = UpdateProgress.new()
	progress.step = str(values.get("step", ""))
	progress.done_bytes = Values.count(values, "done_bytes")
	progress.total_bytes = Values.count(values, "total_bytes")
	progress.bytes_per_second = Values.count(values, "bytes_per_second")
	progress.seconds_left = Values.count(values, "seconds_left", -1)
	return progress


## The report belongs to what runs now, and not to the step before.
func belongs_to(phase: String) -> bool:
	match phase:
		"PreparingUpdate":
			return false
		"DownloadingUpdate":
			return step == "download"
		"ApplyingUpdate":
			return step == "apply"
	return true
