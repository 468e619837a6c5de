# summary: on a realtime kernel, readers of a higher priority than the driver's worker and all writers end, and snapshots keep their images
# kernels: 7.3-rt 6.12-rt
# default: none
# timeout: 240

. /job/vm/lib-io.sh

expect_match "$(uname -v)" ".* PREEMPT_RT .*"
seed_random
origin_make 8 9
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=4M --size=3M
snap_take first P 16
snap_take second N 8

# Both run on the first processor and leave little of it to others.  So another processor, or a
# thread that inherits their priority, must do the work for which they wait.
reader_start()
{
	taskset 1 chrt -f 90 fio --name="$1" --filename="$(dm_path "$1")" --readonly --direct=1 --ioengine=psync \
		--rw=randread --bs=4k --norandommap --time_based --runtime="$2" \
		--thinktime=1000 --thinktime_blocks=64 --output="$RESULTS/$1.fio" &
	READERS+=($!)
}
READERS=()
seconds=10
[ "$FULL" = no ] || seconds=60
for name in org first second; do
	reader_start "$name" "$seconds"
done
writers_move
snap_take third PO 128
writers_move
for reader in "${READERS[@]}"; do
	wait "$reader" || fail "a reader has failed"
done
writers_stop
snap_check
snap_drop second
snap_check
