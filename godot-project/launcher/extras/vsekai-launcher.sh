#!/bin/sh
# SPDX-License-Identifier: MIT
# The launcher as a command line, without a window: vsekai-launcher.sh --help
# Without arguments, or with a link of the game alone, it opens the window.
#
# Options before `--` belong to Godot, even --help; those after it are the launcher's. Godot also leaves the
# current folder, so the launcher finds it in PWD.
set -eu
here=$(dirname "$(readlink -f "$0")")
program="$here/vsekai-launcher"
if [ ! -x "$program" ]; then
	program="$here/V-Sekai Launcher.app/Contents/MacOS/V-Sekai Launcher"
fi
if [ "$#" -eq 0 ]; then
	exec "$program"
fi
case "$#:$1" in
1:v-sekai://* | 1:vsekai://*) exec "$program" -- "$1" ;;
esac
PWD=$(pwd)
export PWD
exec "$program" --headless --no-header -- "$@"
