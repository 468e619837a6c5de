# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# The commands for live snapshots, as far as they need none: their arguments, and the view of
# top over simulated snapshots (top-fake).  tests/vm/cases/dmsnap-live.sh tests the rest in guests.

for words in '' '--merged --invalid' '--fill 0' '--fill 101' '--fill 1 --merged' '--fill x' '--merged --timeout 1x' '--or-none' '--invalid --or-none'; do
	# shellcheck disable=SC2086 # several words
	check "wait: refuses \"$words\"" exits 2 "$dmsnap" wait no-such-device $words
done
for interval in 0 2h x; do
	check "top: not --interval $interval" exits 2 "$dmsnap" top --interval "$interval"
done
for command in 'status no-such-device' 'status vg/no-such-volume' 'wait no-such-device --merged' 'top no-such-device'; do
	# shellcheck disable=SC2086 # several words
	check "$command: no such device" exits 2 "$dmsnap" $command
done
# Drop capabilities instead of the user ID: another user may have no access to the program
powerless=()
if [ "$(id -u)" = 0 ]; then powerless=(setpriv --bounding-set=-sys_admin); fi
check "status: needs privileges" exits 2 "${powerless[@]}" "$dmsnap" status

fake=$built/top-fake
check "top: prints lines once without a terminal" exits 0 "$fake"
check "top: prints a rate" says '^vg/fills  +active +\[\.+\] +2\.6 % +264\.0 KiB +[1-9][0-9]+\.[0-9] '
check "top: prints when it will be full" says '^vg/fills .* [0-9]+ s, [0-9]{2}:[0-9]{2}:[0-9]{2}$'
check "top: a merge" says '^vg/merges +merging +\[#?\.*\] +[0-9.]+ % +9\.[0-9] MiB '
check "top: prints an invalid snapshot" says '^vg/lost +invalid +- +- +- +-$'
check "top: JSON" exits 0 "$fake" 0 json
each_line_is_json() { python3 -c 'import json, sys; d = [json.loads(line) for line in open(sys.argv[1])]; sys.exit(len(d) != 3)' "$work/out"; }
check "top: one line for each update" each_line_is_json
tail -n 1 "$work/out" > "$work/last" && mv "$work/last" "$work/out"
check "top: the JSON has the time" json 'd["time"] > 1e9'
check "top: the JSON has the numbers of a snapshot" json '(lambda s: s["used_sectors"] == 1552 and 1e4 < s["bytes_per_second"] < 8e5 and s["seconds_left"] > 0 and s["merged"] is None)(d["snapshots"][0])'
check "top: the JSON has those of a merge" json '(lambda s: s["state"] == "merging" and round(s["merged"], 6) == 0.0375 and s["unmerged_sectors"] == 19712)(d["snapshots"][2])'
check "top: the JSON has those of an invalid snapshot" json '(lambda s: s["state"] == "invalid" and s["full"] is None and s["bytes_per_second"] is None)(d["snapshots"][1])'
check "top: a dumb terminal" exits 0 env TERM=dumb script -qec "$fake" /dev/null
check "top: prints lines on a dumb terminal" grep -q '^vg/fills ' "$work/out"
check "top: output to a full device" exits 2 bash -c "'$fake' > /dev/full"

# --- on a terminal ---------------------------------------------------------

# shellcheck source=tests/tools/lib/terminal.sh
. "$top/tests/tools/lib/terminal.sh"
first_is() { shows '.' && [ "$(sed -n 3p "$work/pane" | cut -d ' ' -f 1)" = "$1" ]; }
bar_length() { seen && sed -nE 's,^vg/fills .*(\[[#.]*\]).*,\1,p' "$work/pane" | wc -c; }
resized()
{
	local before=$1 try
	for ((try = 0; try < 50; try++)); do
		if [ "$(bar_length)" -lt "$before" ]; then
			return
		fi
		sleep 0.1
	done
	return 1
}

colour() { terminal capture-pane -e -p > "$work/pane" && grep -qE -- "$1" "$work/pane"; }
uncoloured() { terminal capture-pane -e -p > "$work/pane" && ! grep -qE $'\e\\[[0-9;]*3[13]m' "$work/pane"; }

if command -v tmux > /dev/null; then
	terminal new-session -d -x 120 -y 12 "LC_ALL=C.UTF-8 '$fake' 20; echo \"exit code \$?\"; sleep 60"
	check "top: on a terminal" shows '^dmsnap top .* 1 to 9 of 23 snapshots '
	check "top: the bar grows" shows '^vg/fills +active +\[#{8,}\.+\] .* [0-9]+ s, [0-9:]{8}$'
	check "top: the bar of a merge grows" shows '^vg/merges +merging +\[#{2,}\.+\] '
	check "top: sorted by name" first_is vg/fills
	check "top: sort by fill" types s 'order: by fill'
	check "top: invalid snapshots come first" first_is vg/lost
	check "top: sort by name again" types s 'order: by name'
	terminal send-keys -N 8 j
	check "top: scroll down" types j ' 2 to 10 of 23 snapshots'
	check "top: the first row is gone" hides '^vg/fills'
	terminal send-keys -N 8 k
	check "top: scroll up with the arrow key" types Up ' 1 to 9 of 23 snapshots'
	check "top: the details of a snapshot" types Enter '^state +active'
	check "top: the details have the chunks copied ahead" shows '^ahead +12 chunks copied ahead of streams; not written yet: 8(\.0)? KiB of the origin$'
	check "top: the details have the driver's times" shows '^copies for origin writes +40 +256 us +8\.2 ms +8\.2 ms$'
	terminal resize-window -x 120 -y 8
	check "top: a long page starts at its beginning" shows '^state +active'
	terminal send-keys -N 9 j
	check "top: a long page scrolls to its end" shows '^copies for origin writes '
	check "top: the beginning has scrolled away" hides '^state'
	terminal resize-window -x 120 -y 12
	check "top: back with q" types q '^vg/lost'
	terminal send-keys j
	check "top: the details without statistics of the driver" types Enter 'has no counters'
	check "top: back, with Escape" types Escape '^vg/fills'
	check "top: the list of keys" types '?' '^Enter +its details'
	check "top: back, with ?" types '?' '^vg/fills'
	terminal send-keys /
	terminal send-keys -l ther-1
	check "top: search" types Enter ' 1 to 9 of 10 snapshots'
	check "top: the search hides other rows" hides '^vg/fills'
	terminal send-keys /
	terminal send-keys -l q?s
	check "top: a search without a match" types Enter 'no snapshots'
	terminal send-keys /
	check "top: Escape ends the search" types Escape ' of 23 snapshots'
	check "top: slower" types - 'every 0\.8 s'
	check "top: faster" types + 'every 0\.4 s'
	wide=$(bar_length)
	terminal resize-window -x 84 -y 8
	check "top: a smaller terminal" shows ' 1 to 5 of 23 snapshots'
	check "top: a smaller terminal has a shorter bar" resized "$wide"
	for width in 60 38; do
		terminal resize-window -x "$width" -y 8
		check "top: $width columns show the percentage and the end" shows '^vg/fills .*[0-9.]+ % .*[0-9]+ s(, [0-9:]{8})?$'
	done
	terminal resize-window -x 20 -y 2
	check "top: a terminal of two lines" shows '^dmsnap top'
	terminal resize-window -x 120 -y 30
	check "top: a terminal with room for all" shows ' 23 snapshots'
	# Failures are coloured unless colours are disabled
	check "top: failures are red" colour '31m.*vg/lost'
	check "top: q quits" types q '^exit code 0'
	check "top: restores the terminal" hides '^vg/fills'
	terminal respawn-pane -k "LC_ALL=C.UTF-8 NO_COLOR=1 '$fake'; sleep 60"
	check "top: with NO_COLOR" shows '^vg/lost'
	check "top: NO_COLOR disables colours" uncoloured
	check "top: a curve" shows '^vg/fills .*▁.*█'
	terminal respawn-pane -k "LC_ALL=C '$fake'; sleep 60"
	check "top: without UTF-8 the curve is of ASCII letters" shows '^vg/fills .* _[-_.=+*#@]+@ '
	terminal kill-server
else
	echo "FAIL: tmux is not installed. On Debian: apt install tmux"
	failed=$((failed + 1))
fi
