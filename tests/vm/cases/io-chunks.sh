# summary: a snapshot of any chunk size keeps its image under random, sequential and mixed writes
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh

# The last chunk is cut by the end of the device, at every chunk size
origin_make 16 9
types=(P PO N)
turn=0 pairs=0
for chunk in 8 16 128 2048; do
	for pattern in random sequential mixed; do
		# Half of the pairs have each size and each pattern
		[ "$FULL" = yes ] || [ "$((pairs++ % 2))" -eq 0 ] || continue
		case $pattern in
		random) options=(--rw=randwrite --bs=4k --iodepth=32 --io_size=8M) ;;
		sequential) options=(--rw=write --bs=256k --iodepth=4 --offset=1M) ;;
		mixed) options=(--rw=randwrite --bsrange=512-192k --iodepth=8 --numjobs=4
			--offset_increment=3M --size=3M) ;;
		esac
		snap_take snap "${types[turn % 3]}" "$chunk"
		note "$pattern"
		fio_verified "$(dm_path org)" "${options[@]}" --randseed="$((++turn))"
		snap_check snap
		[ "$(sum_of "$(dm_path org)")" != "${FROZEN[snap]}" ] || fail "the origin is as it was"
		[ "$(allocated snap)" -ge 16384 ] || fail "hardly anything has been copied: $(status_of snap)"
		snap_drop snap
	done
done
