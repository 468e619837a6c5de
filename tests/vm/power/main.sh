# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The job of a guest that is about to lose its power (tests/vm/power-cuts).  It activates the
# origin and its snapshots, shows all of their contents, takes snapshots and starts a merge as
# /job/plan says, and writes to all devices until the end.
#
# /dev/vda is the origin, followed by the snapshots' COW devices.  What the host needs is in the
# log, which leaves the guest at once (see load.cpp):
#
#   new NAME       the snapshot is being made        taken NAME   it has been made
#   merge NAME     from now on it is merged          merged NAME  the merge is complete; it is gone
#   left SECTORS   how much of the merge is left after the cut

set -euo pipefail

. /lib/dmsnap/guest.sh

# The plan sets SIZE, EXISTING, NEW, MERGING, TO_MERGE, LAST, SEED, STAMP, DEPTH, RATE, DURABLE and
# MERGE_AFTER, and the arrays COW and CHUNK by name
declare -A COW CHUNK
# shellcheck source=/dev/null
. /job/plan

ORIGIN=/dev/vda
for port in /sys/class/virtio-ports/*; do
	if [ "$(< "$port/name")" = dmsnap.log ]; then
		LOG=/dev/${port##*/}
	fi
done

tell()
{
	echo "$*" > "$LOG"
}

# table TARGET NAME: prints the table line
table()
{
	echo "0 $SIZE $1 $ORIGIN ${COW[$2]} P ${CHUNK[$2]}"
}

readonly ORIGIN_TABLE="0 $SIZE snapshot-origin $ORIGIN"

# load COMMAND...: runs the load for the origin and all existing snapshots
load()
{
	local name devices=(org=/dev/mapper/org)
	for name in $EXISTING; do
		devices+=("$name=/dev/mapper/$name")
	done
	/job/load "$1" "$LOG" "${@:2}" "${devices[@]}"
}

activate()
{
	local name all=
	for name in $EXISTING; do
		all+="$name,,,rw,$(table snapshot "$name");"
	done
	# Last, because its resume needs the chunk size
	if [ -n "$MERGING" ]; then
		all+="org,,,rw,$(table snapshot-merge "$MERGING")"
	else
		all+="org,,,rw,$ORIGIN_TABLE"
	fi
	dmsetup create --concise "$all"
	if [ -n "$MERGING" ]; then
		merge_left
		tell "left $LEFT"
	fi
	for name in $EXISTING; do
		[[ $(dmsetup status "$name") =~ \ [0-9]+/[0-9]+\ [0-9]+$ ]] || {
			echo "snapshot $name: $(dmsetup status "$name")"
			exit 1
		}
	done
}

# The sectors left to merge
merge_left()
{
	[[ $(dmsetup status org) =~ \ ([0-9]+)/[0-9]+\ ([0-9]+)$ ]] || {
		dmsetup status org
		exit 1
	}
	LEFT=$((BASH_REMATCH[1] - BASH_REMATCH[2]))
}

# Takes a snapshot in LVM2's order
take()
{
	tell "new $1"
	dd if=/dev/zero of="${COW[$1]}" bs=4k count=1 oflag=direct conv=fsync status=none
	dmsetup create "$1" --notable
	dmsetup load "$1" --table "$(table snapshot "$1")"
	dmsetup suspend org
	dmsetup resume "$1"
	dmsetup resume org
	EXISTING+=" $1"
	tell "taken $1"
}

merge_begin()
{
	tell "merge $1"
	dmsetup load org --table "$(table snapshot-merge "$1")"
	dmsetup suspend org
	dmsetup suspend "$1"
	dmsetup resume org
	dmsetup remove "$1"
	EXISTING=${EXISTING/$1/}
}

merge_end()
{
	dmsetup load org --table "$ORIGIN_TABLE"
	dmsetup suspend org
	dmsetup resume org
	tell "merged $MERGING"
	MERGING=
}

# Read the event number before the check: the event may come between the check and the wait
merge_wait()
{
	local event
	while event=$(dmsetup info -c --noheadings -o events org) && merge_left && [ "$LEFT" -gt 0 ]; do
		dmsetup wait org "$event"
	done
}

modprobe dm-snapshot
activate
load show
if [ "$LAST" = yes ]; then
	if [ -n "$MERGING" ]; then
		merge_wait
		merge_end
		load show
	fi
	exit 0
fi
if [ -n "$MERGING" ] && merge_left && [ "$LEFT" -eq 0 ]; then
	merge_end
fi
say_host "power: taking snapshots"
for name in $NEW; do
	take "$name"
done
say_host "power: at work"
if [ -n "$TO_MERGE" ]; then
	load work "$SEED" "$STAMP" "$MERGE_AFTER" "$DEPTH" "$RATE" "$DURABLE"
	merge_begin "$TO_MERGE"
	say_host "power: merging"
fi
load work "$((SEED + 1))" "$((STAMP + 0x80000))" 0 "$DEPTH" "$RATE" "$DURABLE"
