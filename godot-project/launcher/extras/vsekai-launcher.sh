#!/bin/sh
# SPDX-License-Identifier: MIT
# The launcher as a command line, without a window: vsekai-launcher.sh --help
# Without arguments, or with a link of the game alone, it opens the window.
#
# Options before `--` belong to Godot, even --help; those after it are the launcher's. Godot also leaves the
# current folder, so the launcher finds it in PWD.
set -eu
here=$(dirname "$(readlink -f "$0")")
if [ "$#" -eq 0 ]; then
	exec "$here/vsekai-launcher"
fi
case "$#:$1" in
1:v-sekai://* | 1:vsekai://*) exec "$here/vsekai-launcher" -- "$1" ;;
esac
PWD=$(pwd)
export PWD
exec "$here/vsekai-launcher" --headless --no-header -- "$@"
