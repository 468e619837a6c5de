# summary: the other driver shows and uses a half-merged store, and completes the merge
# default: 6.12
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# A merge must be slow to be stopped in the middle: DELAY is in ms, for each write and
# flush of the origin.  The in-tree driver merges a chunk at a time, ours some hundred.
declare -rA DELAY=([ours]=500 [in-tree]=4)

base_table()
{
	if [ "$1" -eq 0 ]; then
		echo "0 $SIZE linear $RAM 0"
	else
		echo "0 $SIZE delay $RAM 0 0 $RAM 0 $1"
	fi
}

below()
{
	[ "$(merge_progress org)" -lt "$1" ]
}

# half_merge CHUNK: merges, and stops halfway; sets LEFT
half_merge()
{
	local all
	dm_reload base "$(base_table "${DELAY[$(loaded_module)]}")"
	all=$(merge_progress snap)
	merge_begin snap P "$1"
	# Our driver completes the current batch, the first or second of three
	[ "$(loaded_module)" = ours ] || wait_until 30 below "$((all * 9 / 10))"
	dmsetup suspend org
	LEFT=$(merge_progress org)
	note "$LEFT of $all sectors left"
	if [ "$LEFT" -eq 0 ] || [ "$LEFT" -ge "$all" ]; then
		fail "it was not stopped in the middle"
	fi
	dm_remove org
	dm_reload base "$(base_table 0)"
}

RAM=$(make_ram base 24)
fill "$RAM" 1
dm_create base "0 $((24 * 2048 - 9)) linear $RAM 0"
org_load

chunks=(8)
[ "$FULL" = no ] || chunks=(8 128)
for chunk in "${chunks[@]}"; do
	for modules in "ours in-tree" "in-tree ours"; do
		read -r first second <<< "$modules"
		note "chunk size $chunk, $first begins, $second ends"
		dm_remove org
		load_module "$first"
		org_load
		snap_take snap P "$chunk"
		io=20M
		[ "$chunk" -gt 8 ] || io=6M
		fio_run "$(dm_path org)" --rw=randwrite --bs="$((chunk / 2))k" --iodepth=32 --size=20M --io_size="$io" --randseed="$chunk"
		fio_run "$(dm_path snap)" --rw=randwrite --bsrange=512-64k --iodepth=8 --io_size=1M --randseed="$chunk"
		dmsetup suspend snap
		dmsetup resume snap
		want=$(sum_of "$(dm_path snap)")
		half_merge "$chunk"

		load_module "$second"
		dm_create snap "$(snap_table snap P "$chunk")"
		org_load
		expect_eq "$(sum_of "$(dm_path snap)")" "$want" "the snapshot, half merged"
		# The list grows again, over the entries that were cut off
		fio_run "$(dm_path org)" --rw=randwrite --bs=64k --iodepth=8 --io_size=6M --randseed=3
		expect_eq "$(sum_of "$(dm_path snap)")" "$want" "the snapshot, of which more is copied"
		dm_remove snap
		dm_create snap "$(snap_table snap P "$chunk")"
		expect_eq "$(sum_of "$(dm_path snap)")" "$want" "the snapshot, loaded again"
		[ "$(merge_progress snap)" -gt "$LEFT" ] || fail "the list has not grown"

		# Back and forth
		half_merge "$chunk"
		load_module "$first"
		dm_create org "$(merge_table snap P "$chunk")"
		expect_eq "$(sum_of "$(dm_path org)")" "$want" "the origin, half merged again"
		wait_until 60 is_merged org
		expect_eq "$(sum_of "$(dm_path base)")" "$want" "the origin below"
		dm_remove org cow-snap
		drop_disk ram-snap
		org_load
	done
done
