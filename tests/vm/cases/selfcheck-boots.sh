# summary: two boots: a persistent in-tree snapshot is still there after a power cut
# default: 6.1
# module: in-tree
# boots: 2
# disks: 32M 32M
# smp: 1

size=$(sectors "$(disk 0)")

activate()
{
	# In this order: the origin asks for the chunk size when it is resumed
	dm_create snap "0 $size snapshot $(disk 0) $(disk 1) P 8"
	dm_create org "0 $size snapshot-origin $(disk 0)"
}

if [ "$STAGE" -eq 1 ]; then
	fill "$(disk 0)" 1
	sum_of "$(disk 0)" > "$RESULTS/before"
	activate
	fill "$(dm_path org)" 2 4
	power_cut
fi

activate
[ "$(sum_of "$(dm_path org)")" != "$(cat "$RESULTS/before")" ] || fail "the origin is as it was"
expect_eq "$(sum_of "$(dm_path snap)")" "$(cat "$RESULTS/before")" "the snapshot has changed"
