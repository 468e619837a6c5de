# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by cases/
#
# A terminal whose contents can be read: tmux.

# A separate server, without the user's settings
terminal() { tmux -L "dmsnap-${work##*.}" -f /dev/null "$@"; }
seen() { terminal capture-pane -p > "$work/pane"; }
# shows REGEX: waits until a line of the terminal matches
shows()
{
	local try
	for ((try = 0; try < 100; try++)); do
		seen && grep -qE -- "$1" "$work/pane" && return
		sleep 0.1
	done
	sed 's/^/  | /' "$work/pane"
	return 1
}
hides() { seen && ! grep -qE -- "$1" "$work/pane"; }
# types KEY REGEX: sends the key and waits for the line
types() { terminal send-keys "$1" && shows "$2"; }
