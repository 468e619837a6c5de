# summary: a long merge between devices that complete I/O at once leaves the processor to others
# default: 6.1
# append: preempt=none
# smp: 1
# mem: 1536
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# brd copies in submit_bio(), so the worker never waits for what it starts
readonly MB=256 WRITTEN_MB=192
modprobe brd rd_nr=2 rd_size=$((MB << 10))
dm_create base "0 $((MB << 11)) linear /dev/ram0 0"
dm_create cow-snap "0 $((MB << 11)) linear /dev/ram1 0"
org_load
snap_take snap P 8
fio_run "$(dm_path snap)" --rw=randwrite --bs=4k --iodepth=32 --io_size="${WRITTEN_MB}M"
want=$(sum_of "$(dm_path snap)")

# A thread that does not get the processor for two seconds logs a complaint, which fails the case
limit=$(< /proc/sys/kernel/watchdog_thresh)
echo 1 > /proc/sys/kernel/watchdog_thresh
begun=$SECONDS
merge_begin snap
merge_wait org 120
note "merged $WRITTEN_MB MB in $((SECONDS - begun)) s"
echo "$limit" > /proc/sys/kernel/watchdog_thresh
expect_eq "$(sum_of "$(dm_path base)")" "$want"
expect_eq "$(dmesg | grep -c 'soft lockup' || true)" 0
dm_remove org base cow-snap
rmmod brd
