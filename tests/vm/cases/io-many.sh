# kernels: stock um smp
# summary: 1, 4 and (with --full) 16 snapshots of mixed types and chunk sizes, taken during I/O, keep their images
# default: 6.12
# timeout: 180

. /job/vm/lib-io.sh

origin_make 12 9
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=4M --size=4M
writer_start sequential "$(dm_path org)" --rw=write --bs=128k --iodepth=2 --offset=8M --size=3M

types=(P N PO P N)
chunks=(128 8 2048 16)
count=4
[ "$FULL" = no ] || count=16
for ((i = 0; i < count; i++)); do
	snap_take "snap$i" "${types[i % 5]}" "${chunks[i % 4]}"
	case $i in
	0 | 3 | 15)
		writers_move
		snap_check
		;;
	esac
done
writers_stop
snap_check
