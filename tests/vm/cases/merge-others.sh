# summary: four other snapshots of the origin keep their images while one is merged and the origin written
# kernels: stock um smp
# default: 6.1
# timeout: 150

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

origin_make 12 9
snap_take snap P 8
fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --io_size=8M --randseed=1
fio_run "$(dm_path snap)" --rw=randwrite --bs=16k --iodepth=16 --io_size=2M --randseed=2
types=(P PO N P)
chunks=(8 16 128 2048)
for i in 0 1 2 3; do
	snap_take "other$i" "${types[i]}" "${chunks[i]}"
done
want=$(sum_of "$(dm_path snap)" "" 8)
merge_begin snap P 8
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=4 --offset=4M --size=4M
snap_check
merge_wait org 90
writers_move
snap_check
writers_stop
snap_check
expect_eq "$(sum_of "$(dm_path base)" "" 8)" "$want" "the part that was not written"
