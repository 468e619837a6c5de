# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of tests/bench/merge: makes a snapshot, writes to it, merges it, and prints the
# figures.
#
# usage: bash merge.sh SCENARIO...

. /job/lib.sh

readonly ORIGIN_MB=256 COW_MB=512
readonly SIZE=$((ORIGIN_MB * 2048))
readonly TRACE=/sys/kernel/tracing
origin='' cow=''            # set by make_device

# prepare LATENCY_NS CACHE_MB FIO_OPTIONS...: makes the devices, and a snapshot on `cow` that fio
# writes to
prepare()
{
	make_device origin "$ORIGIN_MB" "$1" "$2"
	make_device cow "$COW_MB" "$1" "$2"
	COW_DEV=$(< "/sys/block/$cow/dev")
	shift 2
	fill "$origin" "$ORIGIN_MB"
	dmsetup create org --table "0 $SIZE snapshot-origin /dev/$origin"
	dmsetup create snap --notable
	dmsetup load snap --table "0 $SIZE snapshot /dev/$origin /dev/$cow P 8"
	dmsetup suspend org
	dmsetup resume snap
	dmsetup resume org
	fio --name=write --filename=/dev/mapper/snap --ioengine=libaio --direct=1 --randrepeat=1 --refill_buffers \
		--end_fsync=1 --output=/tmp/write.out "$@"
	if [ "$CHECK" = yes ]; then
		dd if=/dev/mapper/snap of="/results/$SCENARIO.before" bs=1M iflag=direct status=none
	fi
	dmsetup remove snap
	dmsetup remove org
	dmsetup create merge --notable
	dmsetup load merge --table "0 $SIZE snapshot-merge /dev/$origin /dev/$cow P 8"
}

is_merged()
{
	local fields
	read -r -a fields < <(dmsetup status merge)
	case ${fields[*]:3} in
	*/*\ *) [ "${fields[3]%%/*}" = "${fields[4]}" ] ;;
	*)
		echo "the merge has ended with: ${fields[*]:3}" >&2
		exit 1
		;;
	esac
}

# run_merge [COMMAND...]: resumes `merge`, starts COMMAND, and returns when the merge is complete
run_merge()
{
	local stat='' last='' end=$((SECONDS + 300))
	echo mono > "$TRACE/trace_clock"
	echo 16384 > "$TRACE/buffer_size_kb"
	echo "p:dmsnap/resume dm_table_resume_targets" > "$TRACE/kprobe_events"
	echo "dev == $((${COW_DEV%:*} << 20 | ${COW_DEV#*:}))" > "$TRACE/events/block/block_rq_complete/filter"
	echo > "$TRACE/trace"
	echo 1 > "$TRACE/events/block/block_rq_complete/enable"
	echo 1 > "$TRACE/events/dmsnap/resume/enable"
	dmsetup resume merge
	"$@"
	# Do not ask for the status during I/O: dmsetup takes 5 ms of CPU
	until [ "$stat" = "$last" ] && [ "$stat" ] && is_merged; do
		if ((SECONDS > end)); then
			echo "no end of the merge: $(dmsetup status merge)" >&2
			exit 1
		fi
		last=$stat
		pause 0.02 # longer than any gap between two I/Os of a merge
		read -r stat < "/sys/block/$cow/stat"
	done
}

# merge_time: prints the seconds from the targets' resume to the last I/O on the COW device, by the
# kernel's trace; a merge ends by clearing the last entries there.  Polling the counters often
# enough would change the result by up to a quarter.
merge_time()
{
	echo 0 > "$TRACE/events/enable"
	awk '{
		for (i = 1; i < NF; i++)
			if ($i ~ /^[0-9]+\.[0-9]+:$/) {
				time = $i + 0
				if ($(i + 1) == "resume:")
					start = time
				else if ($(i + 1) == "block_rq_complete:")
					end = time
			}
	}
	END { if (!start || !end) exit 1; printf "%.6f\n", end - start }' "$TRACE/trace"
	echo > "$TRACE/kprobe_events"
}

# merge LATENCY_NS CACHE_MB FIO_OPTIONS...: measures a merge without other users
merge()
{
	local flushes writes took
	CHECK=yes
	prepare "$@"
	flushes=$(($(count_of "$origin" 15) + $(count_of "$cow" 15)))
	writes=$(count_of "$cow" 4)
	run_merge
	took=$(merge_time)
	figure seconds "$took"
	figure flushes $(($(count_of "$origin" 15) + $(count_of "$cow" 15) - flushes))
	figure metadata $(($(count_of "$cow" 4) - writes))
	dmsetup remove merge
	dd if="/dev/$origin" of="/results/$SCENARIO.after" bs=1M iflag=direct status=none
	echo "images $SCENARIO"
}

# user_start REGION USERS: starts users that write to the first REGION of the device
user_start()
{
	fio --name=user --filename=/dev/mapper/merge --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=1 \
		--size="$1" --numjobs="$2" --thread --group_reporting --randrepeat=1 --time_based --runtime=3600 --output-format=json \
		--output="/results/$SCENARIO.json" &
	USER_PID=$!
}

# merge_used REGION USERS FIO_OPTIONS...: measures a merge beside such users
merge_used()
{
	local region=$1 users=$2 took
	shift 2
	CHECK=no
	prepare 1000000 0 "$@"
	run_merge user_start "$region" "$users"
	# At once: the user would wait for all CPU time that is used here
	kill -INT "$USER_PID"
	wait "$USER_PID" || true # it exits with the signal
	took=$(merge_time)
	figure seconds "$took"
	dmsetup remove merge
}

mountpoint -q "$TRACE" || mount -t tracefs tracefs "$TRACE"
need_target snapshot-merge
for SCENARIO; do
	echo "begin $SCENARIO"
	case $SCENARIO in
	counts) merge 100000 64 --rw=randwrite --bs=4k --io_size=2m --iodepth=32 ;;
	rand-1ms) merge 1000000 0 --rw=randwrite --bs=4k --io_size=8m --iodepth=32 ;;
	rand-100us) merge 100000 0 --rw=randwrite --bs=4k --io_size=8m --iodepth=32 ;;
	seq-100us) merge 100000 0 --rw=write --bs=1m --io_size=32m --iodepth=4 ;;
	wait-seq) merge_used "${ORIGIN_MB}m" 1 --rw=write --bs=1m --iodepth=4 ;;
	# Few chunks and some users, so that enough writes hit a chunk that is being merged.
	# In-tree merges one chunk at a time; that makes 3 writes for each user.  So much data
	# that the merge is not over before the user starts.
	wait-rand) merge_used 64m 4 --rw=randwrite --bs=4k --size=64m --iodepth=32 ;;
	esac
	drop_devices
	echo "end $SCENARIO"
done
