# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest tests interchange-*.sh: each module in turn continues the stores that the other has
# written.  A case sources this after lib-io.sh.
#
#   interchange FIRST SECOND   modules, ours and in-tree
#
# Snapshots of each chunk size are written and compared with models.  One more has a list of 255,
# 256 and 257 exceptions at the ends of the turns; an area of its chunk size holds 256.  Another
# one is invalid.

declare -A CHUNKS=([c8]=8 [c16]=16 [c128]=128 [c2048]=2048 [edge]=8 [full]=8)
SNAPSHOTS=(c8 c16 c128 c2048)
EDGE_USED=($((257 * 8)) $((259 * 8)) $((260 * 8)) $((561 * 8)))
EDGE_METADATA=(16 24 24 32)

interchange()
{
	local turn name modules=("$1" "$2" "$1" "$2")
	load_module "$1"
	origin_make 8 9
	for name in "${SNAPSHOTS[@]}"; do
		snap_take "$name" P "${CHUNKS[$name]}" 20
		model_make "$name"
	done
	# Their device has no origin target, so only their own writes count
	dm_create quiet "0 $SIZE linear $(make_ram ram-quiet 8) 0"
	make_alone edge 4
	make_alone full 1

	for turn in 0 1 2 3; do
		if [ "$turn" -gt 0 ]; then
			hand_over "${modules[turn]}"
		fi
		write_all "$turn"
	done
	hand_over "$1"
}

make_alone()
{
	local ram
	ram=$(make_ram "ram-$1" "$2")
	dm_create "cow-$1" "0 $(sectors "$ram") linear $ram 0"
	dm_create "$1" "$(table_of "$1" "${CHUNKS[$1]}")"
}

# table_of NAME CHUNK: prints the table line
table_of()
{
	case $1 in
	edge | full) printf '0 %s snapshot %s %s P %s\n' "$SIZE" "$(dm_path quiet)" "$(dm_path "cow-$1")" "$2" ;;
	*) snap_table "$1" P "$2" ;;
	esac
}

write_all()
{
	local name turn=$1 offset=$(($1 * 2))
	note "turn $turn: $(loaded_module) writes"
	# A different part of the origin in each turn, which overlaps the previous one
	fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --offset="${offset}M" --size=2040k \
		--io_size=1M --randseed="$turn"
	fio_run "$(dm_path org)" --rw=write --bs=128k --iodepth=4 --offset="$((turn + 1))M" --size=1M --randseed="$turn"
	# Two snapshots in each turn, so that each module writes to each snapshot
	for name in "${SNAPSHOTS[@]:turn / 2 * 2:2}"; do
		fio_both "$name" --rw=randwrite --bsrange=512-160k --norandommap --iodepth=1 --end_fsync=1 \
			--offset="$((turn + 2))M" --size=2040k --io_size=1M --randseed="$((turn + 10))"
	done
	case $turn in
	0)
		write_chunks edge 0 255
		expect_fail write_chunks full 0 400
		expect_eq "$(status_of full)" Invalid
		;;
	1) write_chunks edge 255 1 ;;
	2) write_chunks edge 256 1 ;;
	3) write_chunks edge 257 300 ;;
	esac
	# The header and the areas count as well; a full area starts the next one
	expect_match "$(status_of edge)" "${EDGE_USED[turn]}/8192 ${EDGE_METADATA[turn]}"
}

# write_chunks NAME FIRST COUNT: writes chunks of 4 kB and records them.  Our driver starts an area
# when it records the first entry in it, which takes a flush or FUA
write_chunks()
{
	dd if=/dev/urandom of="$(dm_path "$1")" bs=4k seek="$2" count="$3" oflag=direct iflag=fullblock \
		conv=notrunc,fsync status=none
}

# The other module must show the same contents and the same usage
hand_over()
{
	local name edge
	declare -A before
	for name in "${!CHUNKS[@]}"; do
		before[$name]=$(status_of "$name")
	done
	edge=$(sum_of "$(dm_path edge)")
	dm_remove org "${!CHUNKS[@]}"
	load_module "$1"
	note "$1 takes over"
	for name in "${!CHUNKS[@]}"; do
		# 0: the module reads the chunk size from the store
		dm_create "$name" "$(table_of "$name" 0)"
	done
	org_load
	for name in "${!CHUNKS[@]}"; do
		expect_eq "$(status_of "$name")" "${before[$name]}" "how full $name is"
		expect_match "$(dmsetup table "$name")" ".* P ${CHUNKS[$name]}"
	done
	# Not model_check: checksums take most of the time here
	for name in "${SNAPSHOTS[@]}"; do
		cmp <(contents "$name") <(contents "model-$name") || fail "$name does not have the written contents"
	done
	expect_eq "$(sum_of "$(dm_path edge)")" "$edge" "the contents of edge"
	expect_eq "$(status_of full)" Invalid
	expect_fail dd if="$(dm_path full)" of=/dev/null bs=4k count=1 iflag=direct
}

contents()
{
	dd if="$(dm_path "$1")" bs=1M iflag=direct status=none
}
