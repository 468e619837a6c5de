# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of the guest tests unplug-*.sh: the disk below an origin, or below a snapshot's
# COW device, goes while it is in use, and everything ends in time.  Sourced after lib.sh.
# How disks come and go is the case's business:
#
#   plug                       makes two disks of $MB MB; DISKS[base] and DISKS[cow] are their paths
#   pull base|cow              one of them goes
#   unplug                     nobody uses them any more: what is there of them goes
#
#   unplug_everywhere          either of them, in each of the situations
#   unplug_at SITUATION base|cow        load, merge, handover or stall
#   begin [FEATURES [COW_SECTORS]]      origin and snapshot `snap` on the two disks, the snapshot
#                              `witness` on a RAM disk
#   finish NAME...             those volumes and all of begin's go, and the disks
#   bounded COMMAND...         ends in time, well or not; its exit code

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

readonly MB=8 LIMIT=30
declare -A DISKS=()

bounded()
{
	local rc=0
	timeout -s KILL "$LIMIT" "$@" > "$TMP/bounded" 2>&1 || rc=$?
	[ "$rc" -ne 137 ] || fail "still runs after $LIMIT s: $*"
	return "$rc"
}

begin()
{
	plug
	dm_create base "0 $((MB * 2048)) linear ${DISKS[base]} 0"
	fill "$(dm_path base)" 3 2
	org_load
	dm_create cow-snap "0 ${2:-$((MB * 2048))} linear ${DISKS[cow]} 0"
	# Another disk was there before
	dd if=/dev/zero of="$(dm_path cow-snap)" bs=4k count=1 oflag=direct status=none
	snap_take witness P 16 "$MB"
	snap_take snap P 8
	if [ -n "${1:-}" ]; then
		dm_reload snap "$(snap_table snap P 8) $1"
	fi
}

finish()
{
	local name
	for name in "$@" witness org cow-snap cow-witness base; do
		bounded dmsetup remove "$name" || fail "cannot remove $name: $(< "$TMP/bounded")"
	done
	drop_disk ram-witness
	unset "FROZEN[witness]" "FROZEN[snap]"
	unplug
}

# Writes to the origin at random places until a write fails or the test ends
_write_on()
{
	rm -f "$TMP/writes-end"
	(
		trap - ERR EXIT
		while [ ! -e "$TMP/writes-end" ]; do
			fio --name=w --filename="$(dm_path org)" --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=16 \
				--io_size=1M --size=4M --randrepeat=0 --randseed=$RANDOM --output="$TMP/write.out" 2> "$TMP/write.err" || exit 1
		done
	) &
	WRITER=$!
}

_ended()
{
	! kill -0 "$1" 2> /dev/null
}

_writer_ends()
{
	touch "$TMP/writes-end"
	wait_until "$LIMIT" _ended "$WRITER"
}

# The origin and the other snapshot are unaffected
_check_goes_on()
{
	_writer_ends
	wait "$WRITER" || fail "a write to the origin has failed: $(tail -n 5 "$TMP/write.out" "$TMP/write.err")"
	snap_check witness
	expect_fail dd if="$(dm_path "$1")" of=/dev/null bs=4k count=1 iflag=direct status=none
}

# _check_origin_fails NAME...: the origin has no disk any more, its writers are told; NAMEs are
# snapshots of it
_check_origin_fails()
{
	local name
	wait_until "$LIMIT" _ended "$WRITER"
	! wait "$WRITER" || fail "writes to an origin without a disk succeed"
	expect_fail bounded dd if=/dev/zero of="$(dm_path org)" bs=4k count=1 seek=999 oflag=direct status=none
	for name; do
		bounded dmsetup status "$name" || fail "no status of $name"
		! bounded dd if="$(dm_path "$name")" of=/dev/null bs=64k iflag=direct status=none ||
			fail "all of $name can be read, without the disk of its origin"
	done
}

_has_merged_below()
{
	[ "$(merge_progress org)" -lt "$1" ]
}

_at_load()
{
	begin
	_write_on
	wait_until 30 has_allocated snap 400
	pull "$1"
	if [ "$1" = cow ]; then
		wait_until "$LIMIT" is_status snap Invalid
		_check_goes_on snap
	else
		_check_origin_fails snap witness
	fi
	finish snap
}

_at_merge()
{
	local left
	begin
	fio_run "$(dm_path snap)" --rw=randwrite --bs=4k --iodepth=32 --size=4M --io_size=2M
	# Each write of the origin takes its time, so that there is a merge to meet
	dm_reload base "0 $SIZE delay ${DISKS[base]} 0 0 ${DISKS[base]} 0 1000"
	merge_begin snap
	dmsetup message org 0 merge rate 64
	left=$(merge_progress org)
	wait_until 30 _has_merged_below "$left"
	[ "$(merge_progress org)" -gt 0 ] || fail "nothing was left to merge"
	_write_on
	pull "$1"
	wait_until "$LIMIT" is_status org "Merge failed|Invalid"
	_writer_ends
	# Losing either disk loses what was not merged
	! bounded dd if="$(dm_path org)" of=/dev/null bs=64k iflag=direct status=none || fail "all of the origin can be read"
	finish
}

_at_handover()
{
	begin
	_write_on
	wait_until 30 has_allocated snap 400
	dmsetup create next --notable
	dm_load next "$(snap_table snap P 8)"
	pull "$1"
	bounded dmsetup suspend snap || true
	bounded dmsetup resume next || note "not resumed: $(< "$TMP/bounded")"
	bounded dmsetup status next || fail "no status of next"
	if [ "$1" = cow ]; then
		_check_goes_on next
	else
		_check_origin_fails next witness
	fi
	finish snap next
}

_at_stall()
{
	local before
	# Nothing is asked of a COW device meanwhile: when this time is over it shows that it has gone
	echo 10 > /sys/module/dm_snapshot/parameters/no_space_timeout
	begin "1 stall_on_full" 2048
	before=$(events_of snap)
	_write_on
	wait_until 60 events_above snap "$before"
	expect_log "it is full, writes wait for a larger device"
	pull "$1"
	if [ "$1" = cow ]; then
		wait_until "$LIMIT" is_status snap Invalid
		_check_goes_on snap
		finish snap
	else
		# Writes that wait for room proceed once the full snapshot has gone
		bounded dmsetup remove snap || fail "cannot remove snap: $(< "$TMP/bounded")"
		_check_origin_fails witness
		finish
	fi
}

unplug_at()
{
	note "the disk of $2 goes, at a $1"
	clear_log
	"_at_$1" "$2"
}

unplug_everywhere()
{
	local situation
	for situation in load merge handover stall; do
		unplug_at "$situation" cow
		unplug_at "$situation" base
	done
}
