# summary: snapshots hold what was written to them, whole chunks and parts, and nothing else, while the origin is written
# kernels: stock um smp
# default: 6.12
# timeout: 150

. /job/vm/lib-io.sh

origin_make 12 9
declare -A chunk=([a]=8 [b]=128 [c]=2048 [d]=16) type=([a]=P [b]=PO [c]=N [d]=P)
for name in a b c d; do
	snap_take "$name" "${type[$name]}" "${chunk[$name]}"
	model_make "$name"
done
snap_take still P 16

writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=6M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=6M --size=5M

one_by_one=(a b)
if [ "$FULL" = yes ]; then
	one_by_one+=(c d)
fi
seed=0
for name in "${one_by_one[@]}"; do
	note "$name: whole chunks"
	fio_both "$name" --rw=randwrite --bs=1M --iodepth=4 --size=3M --randseed="$((++seed))"
	note "$name: parts of chunks"
	fio_both "$name" --rw=randwrite --bsrange=512-4k --iodepth=32 --offset=3M --size=3M --io_size=512k \
		--randseed="$((++seed))"
	note "$name: overlapping"
	fio_both "$name" --rw=randwrite --bsrange=512-160k --norandommap --iodepth=1 --offset=5M --size=4M \
		--io_size=3M --randseed="$((++seed))"
	model_check "$name"
	note "$name: with fsync"
	fio_both "$name" --rw=randwrite --bs=4k --iodepth=1 --fsync=8 --offset=8M --size=2M --io_size=512k \
		--randseed="$((++seed))"
	note "$name: durable one by one"
	fio_both "$name" --rw=randwrite --bsrange=512-16k --iodepth=1 --sync=1 --offset=8M --size=2M \
		--io_size=256k --randseed="$((++seed))"
	model_check "$name"
done
note "all at once, verified"
for name in a b c d; do
	writer_start "of-$name" "$(dm_path "$name")" --rw=randwrite --bsrange=512-64k --iodepth=32 \
		--offset=2M --size=4M --fsync=64
done
writers_move
snap_check still
writers_stop
# Each writer used its own data; the rest is unchanged
for name in a b c d; do
	expect_eq "$(sum_of "$(dm_path "$name")" "" 6)" "$(sum_of "$(dm_path "model-$name")" "" 6)" \
		"snapshot $name, behind what was written"
	expect_eq "$(sum_of "$(dm_path "$name")" 2)" "$(sum_of "$(dm_path "model-$name")" 2)" \
		"snapshot $name, before what was written"
done
snap_check still

note "P, read back from the COW device by a new instance"
for name in a b d; do
	sum=$(sum_of "$(dm_path "$name")")
	dm_remove "$name"
	dm_create "$name" "$(snap_table "$name" "${type[$name]}" 0)"
	expect_eq "$(sum_of "$(dm_path "$name")")" "$sum" "snapshot $name after it was closed and opened"
done
