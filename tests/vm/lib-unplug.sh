# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the guest tests unplug-*.sh: the disk below an origin or below a snapshot's COW device
# is unplugged in use, and everything must end in time.  A case sources this after lib.sh,
# and defines the first three functions:
#
#   plug                       makes two disks of $MB MB; DISKS[base] and DISKS[cow] are their paths
#   pull base|cow [whole]      removes one of them in use; with whole, its first block must go too
#   unplug                     removes what is left of them when they are not in use any more
#
#   unplug_everywhere          pulls each of them in each situation
#   unplug_at SITUATION base|cow        load, merge, handover or stall
#   begin [FEATURES [COW_SECTORS]]      makes an origin and a snapshot `snap` on the two disks, and
#                              the snapshot `witness` on a RAM disk
#   finish NAME...             removes these volumes, those of begin, and the disks
#   bounded COMMAND...         must end in time, with any exit code, which it returns

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
	# As if another disk had been there before
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

# Writes to random places of the origin until a write fails or the test ends
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

# The origin and the other snapshot must not be affected
_check_goes_on()
{
	_writer_ends
	wait "$WRITER" || fail "a write to the origin has failed: $(tail -n 5 "$TMP/write.out" "$TMP/write.err")"
	snap_check witness
	expect_fail dd if="$(dm_path "$1")" of=/dev/null bs=4k count=1 iflag=direct status=none
}

# _check_origin_fails NAME...: the origin has lost its disk, so writes must fail; NAMEs are its
# snapshots
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
	# Slow writes to the origin, so that the merge is still running when the disk goes
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
	# Without either disk, what was not merged is lost
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
	local before limit=10
	# The stall has no end, so only a read of the first block can find that the COW device is gone
	[ "$1" != cow ] || limit=0
	echo "$limit" > /sys/module/dm_snapshot/parameters/no_space_timeout
	begin "1 stall_on_full" 2048
	before=$(events_of snap)
	_write_on
	wait_until 60 events_above snap "$before"
	expect_log "it is full, writes wait for a larger device"
	pull "$1" whole
	if [ "$1" = cow ]; then
		wait_until "$LIMIT" is_status snap Invalid
		_check_goes_on snap
		finish snap
	else
		# Writes that wait for room proceed when the full snapshot is removed
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
