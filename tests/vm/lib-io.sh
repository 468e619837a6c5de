# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the guest tests of data (io-*.sh, lvm-*.sh).  A case sources this after lib.sh:
# `. /job/vm/lib-io.sh`.  They compare whole devices, read around the page cache.
#
# One origin and its snapshots
#   origin_make [MB] [SECTORS_LESS]   `base` (linear, on RAM, random contents) and
#                              the origin `org` on it; sets SIZE (sectors).  With
#                              SECTORS_LESS the last chunk is cut by the device's end
#   org_load                   `org` on an existing base
#   snap_table NAME TYPE CHUNK the table line; the COW device is /dev/mapper/cow-NAME
#   snap_take NAME TYPE CHUNK [COW_MB]  in LVM2's order, beside I/O: table loaded,
#                              origin suspended, image remembered, snapshot resumed,
#                              origin resumed.  Makes the COW device if there is none
#   snap_check [NAME...]       each of them (all) must still have the remembered image
#   model_make NAME            a RAM disk with the image of snapshot NAME, just taken and
#                              not written yet.  Later writes to
#                              the snapshot must use fio_both, which also writes the model
#   model_check NAME           the snapshot equals its model
#   snap_drop NAME             removes the snapshot and its COW device
#   snap_names                 all snapshots that were taken and not dropped
#   status_of NAME             the words after "0 SIZE TARGET "
#   is_status NAME REGEX       for wait_until
#   allocated NAME             sectors in use of its COW device
#
# I/O
#   fio_run DEVICE OPTIONS...  one job with O_DIRECT, repeatable: the same places for the same
#                              --randseed (default 1); must succeed
#   fio_both NAME OPTIONS...   fio_run on snapshot NAME and on its model, the same data to the
#                              same places (so with overlaps: --iodepth=1)
#   fio_verified DEVICE OPTIONS...  the same, then reads everything back and verifies it
#   writer_start NAME DEVICE OPTIONS...   repeats fio_verified in the background, with a new seed
#                              for each round
#   writer_passed NAME         has it completed a round since the last call?
#   writers_stop [NAME...]     waits until they (all) have completed the round; fails if one failed
#   writers_move               waits until each writer has completed one more round
#   pick N                     a random number below N; repeatable, see seed_random
#   seed_random                prints the seed; SEED on the kernel's command line repeats it

FIO_RUNS=0
declare -A FROZEN=()
declare -A WRITERS=()

# --- origin and snapshots --------------------------------------------------

origin_make()
{
	local ram mb=${1:-16}
	ram=$(make_ram ram-base "$mb")
	fill "$ram" "$mb"
	dm_create base "0 $((mb * 2048 - ${2:-0})) linear $ram 0"
	org_load
}

org_load()
{
	SIZE=$(sectors "$(dm_path base)")
	dm_create org "0 $SIZE snapshot-origin $(dm_path base)"
}

snap_table()
{
	printf '0 %s snapshot %s %s %s %s\n' "$SIZE" "$(dm_path base)" "$(dm_path "cow-$1")" "$2" "$3"
}

snap_take()
{
	local name=$1 ram
	if [ ! -e "$(dm_path "cow-$name")" ]; then
		ram=$(make_ram "ram-$name" "${4:-40}")
		dm_create "cow-$name" "0 $(sectors "$ram") linear $ram 0"
	fi
	dmsetup create "$name" --notable
	dm_load "$name" "$(snap_table "$name" "$2" "$3")"
	dmsetup suspend org
	FROZEN[$name]=$(sum_of "$(dm_path base)")
	dmsetup resume "$name"
	dmsetup resume org
	note "took $name ($2 $3)"
}

snap_names()
{
	printf '%s\n' "${!FROZEN[@]}"
}

snap_check()
{
	local name
	if [ $# -eq 0 ]; then
		set -- "${!FROZEN[@]}"
	fi
	for name in "$@"; do
		expect_eq "$(sum_of "$(dm_path "$name")")" "${FROZEN[$name]}" \
			"snapshot $name has lost its image ($(dmsetup status "$name"))"
	done
}

model_make()
{
	local path
	path=$(make_ram "ram-model-$1" "$((SIZE / 2048 + 1))")
	dd if="$(dm_path "$1")" of="$path" bs=1M iflag=direct oflag=direct status=none
	dm_create "model-$1" "0 $SIZE linear $path 0"
	expect_eq "$(sum_of "$(dm_path "model-$1")")" "${FROZEN[$1]}" "the snapshot does not have its image"
}

fio_both()
{
	local name=$1
	shift
	fio_run "$(dm_path "$name")" "$@"
	fio_run "$(dm_path "model-$name")" "$@"
}

model_check()
{
	expect_eq "$(sum_of "$(dm_path "$1")")" "$(sum_of "$(dm_path "model-$1")")" \
		"snapshot $1 does not have the written contents ($(dmsetup status "$1"))"
}

snap_drop()
{
	dm_remove "$1" "cow-$1"
	if grep -q "^ram-$1 " "$DISKS_MADE"; then
		drop_disk "ram-$1"
	fi
	unset "FROZEN[$1]"
	note "dropped $1"
}

status_of()
{
	dmsetup status "$1" | cut -d ' ' -f 4-
}

is_status()
{
	[[ $(status_of "$1") =~ ^($2)$ ]]
}

allocated()
{
	local used
	used=$(status_of "$1")
	expect_match "$used" '[0-9]+/[0-9]+ [0-9]+'
	printf '%s\n' "${used%%/*}"
}

has_allocated()
{
	[ "$(allocated "$1")" -ge "$2" ]
}

# --- I/O -------------------------------------------------------------------

_fio()
{
	local output=$1 device=$2
	shift 2
	# With randrepeat all seeds would have the same places
	fio --name=io --filename="$device" --ioengine=libaio --direct=1 --refill_buffers --randrepeat=0 --randseed=1 \
		--group_reporting --output="$output" "$@"
}

fio_run()
{
	local output=$TMP/fio.$((FIO_RUNS++))
	_fio "$output" "$@" || fail "fio $*: $(grep -Ei 'err|verify|fio:' "$output" | head -n 10)"
}

fio_verified()
{
	fio_run "$@" --verify=crc32c --verify_fatal=1 --do_verify=1
}

writer_start()
{
	local name=$1 device=$2 files=$TMP/writer-$1
	shift 2
	(
		trap - ERR EXIT
		# The reason is only in the log, because the case may be busy
		for ((round = 1; ; round++)); do
			if ! _fio "$files.out" "$device" "$@" --randseed="$((RANDOM * 32768 + RANDOM))" \
				--verify=crc32c --verify_fatal=1 --do_verify=1; then
				note "writer $name failed in round $round: $*"
				grep -Ei 'err|verify|fio:' "$files.out" | head -n 10 >&2
				exit 1
			fi
			echo "$round" > "$files.round.new"
			mv "$files.round.new" "$files.round"
			if [ -e "$files.stop" ]; then
				exit 0
			fi
		done
	) &
	WRITERS[$name]=$!
}

_writer_round()
{
	if [ -e "$TMP/writer-$1.round" ]; then
		cat "$TMP/writer-$1.round"
	else
		echo 0
	fi
}

_writer_past()
{
	kill -0 "${WRITERS[$1]}" 2> /dev/null || fail "the writer $1 has ended"
	[ "$(_writer_round "$1")" -gt "$2" ]
}

# Two rounds: the current one may have started before
writers_move()
{
	local name
	declare -A from
	for name in "${!WRITERS[@]}"; do
		from[$name]=$(_writer_round "$name")
	done
	for name in "${!WRITERS[@]}"; do
		wait_until 30 _writer_past "$name" "$((from[$name] + 1))"
	done
}

writers_stop()
{
	local name failed=
	if [ $# -eq 0 ]; then
		set -- "${!WRITERS[@]}"
	fi
	for name; do
		touch "$TMP/writer-$name.stop"
	done
	for name; do
		wait "${WRITERS[$name]}" || failed+=" $name"
		note "writer $name: $(_writer_round "$name") rounds"
		rm -f "$TMP/writer-$name".*
		unset "WRITERS[$name]"
	done
	[ -z "$failed" ] || fail "writers have failed:$failed"
}

# --- seeds -----------------------------------------------------------------

seed_random()
{
	local seed
	seed=$(sed -n 's/.*dmsnap\.seed=\([0-9]*\).*/\1/p' /proc/cmdline)
	RANDOM=${seed:=$((SRANDOM % 32768))}
	note "to repeat: tests/vm/run --append dmsnap.seed=$seed $CASE"
}

pick()
{
	# shellcheck disable=SC2034 # read by the caller
	PICKED=$((RANDOM % $1))
}
