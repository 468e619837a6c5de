# summary: a merge under I/O of all kinds restores the snapshot's content, and keeps what was written meanwhile
# kernels: stock um smp
# default: 6.12
# timeout: 150

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

origin_make 16 9
for chunk in 8 16 128 2048; do
	note "chunk size $chunk"
	snap_take snap P "$chunk"
	fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --io_size=6M --randseed="$chunk"
	fio_run "$(dm_path snap)" --rw=randwrite --bsrange=512-64k --iodepth=16 --io_size=2M --randseed="$chunk"
	dmsetup suspend snap
	dmsetup resume snap
	want=$(sum_of "$(dm_path snap)")
	merge_begin snap P "$chunk"
	expect_eq "$(sum_of "$(dm_path org)")" "$want" "the origin right after the merge began"
	merge_wait org 60
	expect_eq "$(status_of org)" "$((2 * chunk))/81920 $((2 * chunk))"
	expect_eq "$(sum_of "$(dm_path base)")" "$want" "the origin below"
	dm_reload org "0 $SIZE snapshot-origin $(dm_path base)"
	dm_remove cow-snap
	drop_disk ram-snap
done

note "with writers"
snap_take snap P 8
fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --randseed=5
# The part from 12 MB on, which no writer touches
want=$(sum_of "$(dm_path snap)" "" 12)
merge_begin snap P 8
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=4M --size=4M --fsync=16
writer_start sequential "$(dm_path org)" --rw=write --bs=128k --iodepth=2 --offset=8M --size=4M
merge_wait org 60
writers_move
writers_stop
expect_eq "$(sum_of "$(dm_path base)" "" 12)" "$want" "the part that was not written"
expect_eq "$(sum_of "$(dm_path base)")" "$(sum_of "$(dm_path org)")"
