# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of tests/bench/io: makes snapshots, does I/O, and prints the figures.
#
# usage: bash io.sh SCENARIO...
#
# A scenario is WORKLOAD, WORKLOAD@LATENCY or WORKLOAD@LATENCY+cache.  LATENCY is 20us, 100us
# (default) or 1ms.  With a volatile cache, writes stay in memory until a flush.

. /job/lib.sh

# The rate of touch-open in IOPS, by latency and cache
declare -rA RATE=(["100000 0"]=8000 ["1000000 0"]=3600 ["100000 64"]=6000 ["1000000 64"]=2100)
readonly ORIGIN_MB=256
TIMES=${TIMES:-1} SYMBOLS=${SYMBOLS:-} PEAK=${PEAK:-}
readonly SIZE=$((ORIGIN_MB * 2048))
origin=''                   # set by make_device
LATENCY='' CACHE_MB='' COUNT=0
BESIDE=()                   # see beside()
FLUSHED=''                  # if set, caches are flushed before the measurement
BEFORE=''                   # the kernel's memory before snapshots were made

# snapshots COUNT TYPE CHUNK: makes s1 ... on devices c1 ...
snapshots()
{
	local n cow
	for ((n = 1; n <= $1; n++)); do
		make_device "c$n" "$COW_MB" "$LATENCY" "$CACHE_MB"
		cow=c$n
		fill "${!cow}" "$COW_MB"
	done
	[ -z "$PEAK" ] || BEFORE=$(kernel_kib)
	dmsetup suspend org
	for ((n = 1; n <= $1; n++)); do
		cow=c$n
		dmsetup create "s$n" --table "0 $SIZE snapshot /dev/$origin /dev/${!cow} $2 $3"
	done
	dmsetup resume org
	COUNT=$1
}

# io DEVICE FIO_OPTIONS...: I/O that is not measured
io()
{
	local device=$1
	shift
	local where=--filename=/dev/mapper/$device
	[ -z "${FILES:-}" ] || where=--directory=$FILES
	fio --name=io "$where" --ioengine=libaio --direct=1 --randrepeat=1 --output-format=json --output=/tmp/fio.json "$@"
}

# counters DEVICE...: the sums of reads, sectors read, writes, sectors written, and flushes
counters()
{
	local device fields sums=(0 0 0 0 0)
	for device; do
		read -r -a fields < "/sys/block/$device/stat"
		((sums[0] += fields[0], sums[1] += fields[2], sums[2] += fields[4], sums[3] += fields[6], sums[4] += fields[15])) || true
	done
	echo "${sums[@]}"
}

# How long the processor has been busy since boot, in ns; one ns is one instruction here
busy_ns()
{
	awk '/^now at/ { now = $3 } /idle_sleeptime/ { idle += $3 } END { printf "%.0f\n", now - idle }' /proc/timer_list
}

# The memory that is neither free nor of files or programs, so the kernel's.  In bash alone,
# because a process would need memory itself
kernel_kib()
{
	local lines line fields pages=0
	mapfile -t lines < /proc/zoneinfo
	for line in "${lines[@]}"; do
		read -r -a fields <<< "$line"
		case ${fields[*]:0:2} in
		'managed '*) ((pages += fields[1])) || true ;;
		'pages free') ((pages -= fields[2])) || true ;;
		nr_anon_pages* | nr_file_pages* | count:*) ((pages -= fields[1])) || true ;;
		esac
	done
	echo $((4 * pages))
}

# Records until peak() how much the kernel has in use at most, beyond what it had before the
# snapshots
watch_peak()
{
	[ -n "$PEAK" ] || return 0
	BEFORE=${BEFORE:-$(kernel_kib)}
	rm -f /tmp/peak
	touch /tmp/watching
	(
		most=0
		while [ -e /tmp/watching ]; do
			now=$(kernel_kib)
			((now <= most)) || most=$now
			pause 0.002
		done
		echo "$most" > /tmp/peak
	) &
}

peak()
{
	[ -n "$PEAK" ] || return 0
	rm /tmp/watching
	wait
	figure peak_kib $(($(< /tmp/peak) - BEFORE))
}

# Flushes what earlier I/O has left in the caches
flush_devices()
{
	local device
	for device; do
		dd if=/dev/zero of="/dev/$device" bs=4k seek=$((COW_MB * 256 - 1)) count=1 oflag=direct conv=fsync status=none
	done
}

# beside NAME DEVICE FIO_OPTIONS...: adds a job that ends with the measured one
beside()
{
	local name=$1 device=$2
	shift 2
	BESIDE+=("--name=$name" "--filename=/dev/mapper/$device" --ioengine=libaio --direct=1 --randrepeat=1
		--time_based --runtime=1h "$@")
}

# measure DEVICE FIO_OPTIONS...: does $TIMES times the I/O; saves the kernel's symbols in $SYMBOLS
measure()
{
	local device=$1 options=() loops=$TIMES option
	shift
	for option; do
		if [[ $option =~ ^--io_size=([0-9]+)(.)$ ]]; then
			option=--io_size=$((BASH_REMATCH[1] * TIMES))${BASH_REMATCH[2]}
			loops=1
		fi
		options+=("$option")
	done
	set -- "$device" "${options[@]}" --loops="$loops"
	if [ ${#BESIDE[@]} -gt 0 ]; then
		set -- "$@" --exitall "${BESIDE[@]}"
	fi

	local cows=() n cow name before_origin before_cow after_origin after_cow busy
	for ((n = 1; n <= COUNT; n++)); do
		cow=c$n
		cows+=("${!cow}")
	done
	[ -z "$FLUSHED" ] || flush_devices "$origin" "${cows[@]}"
	read -r -a before_origin < <(counters "$origin")
	read -r -a before_cow < <(counters "${cows[@]}")
	busy=$(busy_ns)
	watch_peak
	io "$@"
	figure busy_ns $(($(busy_ns) - busy))
	peak
	cp /tmp/fio.json "/results/$SCENARIO.json"
	[ -z "$SYMBOLS" ] || cat /proc/kallsyms > "$SYMBOLS"
	read -r -a after_origin < <(counters "$origin")
	read -r -a after_cow < <(counters "${cows[@]}")
	n=0
	for name in reads read_sectors writes written_sectors flushes; do
		figure "origin_$name" $((after_origin[n] - before_origin[n]))
		figure "cow_$name" $((after_cow[n] - before_cow[n]))
		n=$((n + 1))
	done
}

clean()
{
	local n
	for ((n = 1; n <= COUNT; n++)); do
		dmsetup remove "s$n"
	done
	COUNT=0 BEFORE='' BESIDE=() FLUSHED=''
	case $SCENARIO in
	thin-*) dmsetup remove s1 org pool ;;
	*) dmsetup remove org ;;
	esac
	drop_devices
}

rand()
{
	local device=$1
	shift
	measure "$device" --bs=4k "$@"
}

# Makes the dm-thin volume `org`, fully written, and its snapshot `s1`; the data is on the
# origin's device
thin()
{
	local meta=''
	make_device meta 16 "$LATENCY" "$CACHE_MB"
	dmsetup create pool --table "0 $((2 * SIZE)) thin-pool /dev/$meta /dev/$origin 128 0 1 skip_block_zeroing"
	dmsetup message pool 0 "create_thin 0"
	dmsetup create org --table "0 $SIZE thin /dev/mapper/pool 0"
	io org --rw=write --bs=1m
	dmsetup suspend org
	dmsetup message pool 0 "create_snap 1 0"
	dmsetup resume org
	dmsetup create s1 --table "0 $SIZE thin /dev/mapper/pool 1"
}

# Copies all of the first MB at once
touch_first()
{
	io org --rw=write --bs=1m --size="$1m"
}

workload()
{
	case $1 in
	linear-write-qd1) rand org --rw=randwrite --io_size=2m ;;
	# The same amount as rewrite and snap-read, which are compared with it: fio reports whole ms
	linear-write) rand org --rw=randwrite --io_size=24m --iodepth=32 ;;
	linear-read) rand org --rw=randread --io_size=24m --iodepth=32 ;;
	linear-seq-write) measure org --rw=write --bs=1m --io_size=32m --iodepth=4 ;;
	linear-seq-read) measure org --rw=read --bs=1m --io_size=32m --iodepth=4 ;;
	touch-qd1) snapshots 1 P 8 && rand org --rw=randwrite --io_size=2m ;;
	touch) snapshots 1 P 8 && rand org --rw=randwrite --io_size=8m --iodepth=32 ;;
	touch-64k) snapshots 1 P 128 && rand org --rw=randwrite --io_size=3200k --iodepth=32 ;;
	touch-64k-qd1) snapshots 1 P 128 && rand org --rw=write:60k --size=16m ;;
	touch-transient) snapshots 1 N 8 && rand org --rw=randwrite --io_size=8m --iodepth=32 ;;
	touch-n*) snapshots "${1#touch-n}" P 8 && rand org --rw=randwrite --io_size=2m --iodepth=32 ;;
	linear-stream) measure org --bs=4k --rw=write --io_size=8m ;;
	linear-stream-sync) FLUSHED=yes measure org --bs=8k --rw=write --io_size=4m --fdatasync=1 ;;
	stream) snapshots 1 P 8 && measure org --bs=4k --rw=write --io_size=8m ;;
	stream-sync) snapshots 1 P 8 && FLUSHED=yes measure org --bs=8k --rw=write --io_size=4m --fdatasync=1 ;;
	# Four streams at once
	streams-n*) snapshots "${1#streams-n}" P 8 && measure org --bs=4k --rw=write --size=2m --numjobs=4 --offset_increment=64m --group_reporting ;;
	# Each stream ends after 64 KiB
	stream-ends) snapshots 1 P 8 && measure org --bs=4k --rw=randwrite:16 --rw_sequencer=sequential --norandommap --io_size=24m ;;
	# 2000 files of 8 KiB, with fsync after each
	files-sync)
		mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard /dev/mapper/org
		mount /dev/mapper/org /mnt
		snapshots 1 P 8
		FLUSHED=yes FILES=/mnt measure org --ioengine=psync --rw=write --bs=8k --filesize=8k --nrfiles=2000 --openfiles=1 \
			--file_service_type=sequential --create_on_open=1 --fsync_on_close=1
		umount /mnt
		;;
	# Appends to a log with fdatasync, then a checkpoint of random pages, and again
	wal) snapshots 1 P 8 && FLUSHED=yes measure org --bs=4k --rw=write --size=4m --fdatasync=1 \
		--name=checkpoint1 --stonewall --filename=/dev/mapper/org --direct=1 --bs=4k --rw=randwrite --offset=64m --size=64m --io_size=256k --end_fsync=1 \
		--name=wal2 --stonewall --filename=/dev/mapper/org --direct=1 --bs=4k --rw=write --offset=4m --size=4m --fdatasync=1 \
		--name=checkpoint2 --stonewall --filename=/dev/mapper/org --direct=1 --bs=4k --rw=randwrite --offset=128m --size=64m --io_size=256k --end_fsync=1 ;;
	touch-beside-backup | slow-touch-beside-backup)
		snapshots 1 P 8
		beside backup s1 --rw=read --bs=1m --iodepth=16
		rand org --rw=randwrite --io_size=1m
		;;
	touch-beside-all)
		snapshots 1 P 8
		touch_first 32
		beside rewrites org --rw=randwrite --bs=4k --size=32m --iodepth=16
		beside reads s1 --rw=randread --bs=4k --iodepth=8
		rand org --rw=randwrite --offset=32m --io_size=3m --iodepth=64 --rate_iops=1500
		;;
	free-linear-write) rand org --rw=randwrite --io_size=24m --iodepth=32 ;;
	free-touch-n*) snapshots "${1#free-touch-n}" P 8 && rand org --rw=randwrite --io_size=4m --iodepth=32 ;;
	free-rewrite-n*) snapshots "${1#free-rewrite-n}" P 8 && touch_first 128 && rand org --rw=randwrite --size=128m --io_size=64m --iodepth=32 ;;
	free-read) snapshots 1 P 8 && rand s1 --rw=randread --io_size=24m --iodepth=32 ;;
	touch-seq) snapshots 1 P 8 && measure org --rw=write --bs=1m --io_size=32m --iodepth=4 ;;
	touch-sync) snapshots 1 P 8 && rand org --rw=randwrite --io_size=1m --fsync=1 ;;
	# 60 % of the most that in-tree does on 6.1
	touch-open) snapshots 1 P 8 && rand org --rw=randwrite --io_size=16m --iodepth=256 --rate_process=poisson --rate_iops="${RATE[$LATENCY $CACHE_MB]}" ;;
	rewrite-n*) snapshots "${1#rewrite-n}" P 8 && touch_first 24 && rand org --rw=randwrite --size=24m --iodepth=32 ;;
	rewrite-1m) snapshots 1 P 8 && touch_first 32 && measure org --rw=write --bs=1m --size=32m --iodepth=1 ;;
	snap-write-qd1) snapshots 1 P 8 && rand s1 --rw=randwrite --io_size=2m ;;
	snap-write) snapshots 1 P 8 && rand s1 --rw=randwrite --io_size=8m --iodepth=32 ;;
	snap-part-qd1) snapshots 1 P 128 && rand s1 --rw=randwrite --io_size=1m ;;
	snap-part) snapshots 1 P 128 && rand s1 --rw=randwrite --io_size=3200k --iodepth=32 ;;
	snap-seq-write) snapshots 1 P 8 && measure s1 --rw=write --bs=1m --io_size=32m --iodepth=4 ;;
	# With 3 % of the chunks copied
	snap-seq-read) snapshots 1 P 8 && io org --bs=4k --rw=randwrite --size=32m --io_size=984k --iodepth=32 &&
		measure s1 --rw=read --bs=1m --size=32m --iodepth=4 ;;
	snap-read) snapshots 1 P 8 && rand s1 --rw=randread --io_size=24m --iodepth=32 ;;
	thin-touch-64k) thin && rand org --rw=randwrite --io_size=3200k --iodepth=32 ;;
	thin-rewrite-64k) thin && touch_first 24 && rand org --rw=randwrite --size=24m --iodepth=32 ;;
	thin-part-64k) thin && rand s1 --rw=randwrite --io_size=3200k --iodepth=32 ;;
	thin-read-64k) thin && rand s1 --rw=randread --io_size=24m --iodepth=32 ;;
	*) echo "no such workload: $1" >&2 && exit 1 ;;
	esac
}

need_target snapshot
for SCENARIO; do
	echo "begin $SCENARIO"
	# shellcheck disable=SC2034 # BACKED and MBPS are read by make_device
	LATENCY=100000 CACHE_MB=0 BACKED=1 MBPS=0 COW_MB=64
	# Devices without cost, which keep no data
	# shellcheck disable=SC2034
	[[ $SCENARIO != free-* ]] || LATENCY=20000 BACKED=0 COW_MB=192
	# shellcheck disable=SC2034
	[[ $SCENARIO != slow-* ]] || MBPS=200
	[[ $SCENARIO != *@20us* ]] || LATENCY=20000
	[[ $SCENARIO != *@1ms* ]] || LATENCY=1000000
	[[ $SCENARIO != *+cache ]] || CACHE_MB=64
	origin_mb=$ORIGIN_MB
	if [[ $SCENARIO = thin-* ]]; then
		origin_mb=$((2 * ORIGIN_MB)) # includes room for what it copies
	fi
	make_device origin "$origin_mb" "$LATENCY" "$CACHE_MB"
	fill "$origin" "$origin_mb"
	case $SCENARIO in
	linear-* | free-linear-*) dmsetup create org --table "0 $SIZE linear /dev/$origin 0" ;;
	thin-*) ;;
	*) dmsetup create org --table "0 $SIZE snapshot-origin /dev/$origin" ;;
	esac
	workload "${SCENARIO%%@*}"
	clean
	echo "end $SCENARIO"
done
