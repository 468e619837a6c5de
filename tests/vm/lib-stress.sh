# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The stress run.  A case sources this after lib-io.sh and lib-merge.sh.  stress-io.c writes and
# checks; this part creates and removes snapshots.
#
#   option_seconds DEFAULT     the length: dmsnap.seconds= on the kernel's command line
#   stress_rounds SECONDS      runs rounds, at least one
#   stress_round               one round: I/O to an origin and three snapshots of any kind while
#                              they are suspended and resumed; one snapshot is recreated, one
#                              reactivated and one merged; then all blocks are checked

readonly STRESS_MB=8 STRESS_WORKERS=6

option_seconds()
{
	sed -n 's/.*dmsnap\.seconds=\([0-9]*\).*/\1/p; t; s/.*/'"$1"'/p' /proc/cmdline
}

# stress_io COMMAND ARGUMENTS...: runs stress-io with the state of the round
stress_io()
{
	local command=$1
	shift
	/job/vm/stress-io "$command" "$TMP/state" "$@"
}

# The devices as arguments for stress-io
_stress_devices()
{
	local slot
	dm_path org
	for slot in "${!KINDS[@]}"; do
		printf '%s=%s\n' "$slot" "$(dm_path "snap$slot")"
	done
}

_stress_check()
{
	local devices
	mapfile -t devices < <(_stress_devices)
	stress_io check "${devices[@]}"
}

# _stress_take SLOT: takes a snapshot of any kind
_stress_take()
{
	local types=(P N PO) chunks=(8 16 64 256 1024) slot=$1
	pick 3
	KINDS[slot]=${types[PICKED]}
	pick 5
	KINDS[slot]+=" ${chunks[PICKED]}"
	# shellcheck disable=SC2086 # type and chunk
	snap_take "snap$slot" ${KINDS[slot]} $((STRESS_MB * 2 + 4))
	stress_io snap "$slot"
}

# Suspends and resumes all of them in turn as long as the file $1 exists
_stress_shake()
{
	local slot
	while [ -e "$1" ]; do
		dmsetup suspend org
		dmsetup resume org
		for slot in "${!KINDS[@]}"; do
			dmsetup suspend "snap$slot"
			dmsetup resume "snap$slot"
		done
		sleep 0.5
	done
}

# _stress_run SECONDS: I/O to all devices, with suspends and resumes
_stress_run()
{
	local devices shaker
	mapfile -t devices < <(_stress_devices)
	touch "$TMP/shaking"
	_stress_shake "$TMP/shaking" &
	shaker=$!
	pick 32768
	stress_io run "$PICKED" "$1" "$STRESS_WORKERS" "${devices[@]}"
	rm "$TMP/shaking"
	wait "$shaker"
}

# Activates the store of snapshot SLOT as a new device
_stress_activate_again()
{
	local name=snap$1 kind
	read -r -a kind <<< "${KINDS[$1]}"
	dmsetup suspend org
	dm_remove "$name"
	dm_create "$name" "$(snap_table "$name" "${kind[@]}")"
	dmsetup resume org
	note "activated $name again"
}

_stress_merge()
{
	local kind
	read -r -a kind <<< "${KINDS[$1]}"
	merge_begin "snap$1" "${kind[@]}"
	unset "KINDS[$1]"
	merge_wait org 120
	stress_io back "$1"
	dm_reload org "0 $SIZE snapshot-origin $(dm_path base)"
	dm_remove "cow-snap$1"
}

stress_round()
{
	local slot
	declare -g -a KINDS=()
	origin_make "$STRESS_MB"
	stress_io fill "$(dm_path org)"
	_stress_take 1
	_stress_run 1
	_stress_take 2
	_stress_take 3
	_stress_run 2
	_stress_check
	snap_drop snap1
	unset "KINDS[1]"
	_stress_take 1
	for slot in 1 2 3; do
		if [[ ${KINDS[$slot]} == P* ]]; then
			_stress_activate_again "$slot"
		fi
	done
	_stress_run 2
	_stress_check
	for slot in 1 2 3; do
		if [[ ${KINDS[$slot]} == P* ]]; then
			_stress_merge "$slot"
			_stress_check
			break
		fi
	done
	_stress_run 1
	_stress_check
	for slot in "${!KINDS[@]}"; do
		is_status "snap$slot" '[0-9]+/[0-9]+ [0-9]+' || fail "snap$slot: $(status_of "snap$slot")"
		snap_drop "snap$slot"
	done
	dm_remove org base
	drop_disk ram-base
	while read -r name; do
		drop_disk "$name"
	done < <(sed -n 's/^\(ram-snap[0-9]*\) .*/\1/p' "$DISKS_MADE")
}

stress_rounds()
{
	local end=$((SECONDS + $1)) rounds=0
	while :; do
		stress_round
		rounds=$((rounds + 1))
		if [ "$SECONDS" -ge "$end" ]; then
			break
		fi
	done
	note "$rounds rounds"
}
