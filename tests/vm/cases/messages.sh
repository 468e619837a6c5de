# summary: messages: statistics, a durable commit, limits, events; a merge is paused
# kernels: stock um smp
# default: 6.12
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh

# stat_of NAME LINE: prints the value of this line
stat_of()
{
	dmsetup message "$1" 0 stats | sed -n "s/^$2 \?//p"
}

origin_make 8
snap_take snap P 16

note "what is none is refused, and the log says why"
for message in "nonsense" "stats again" "low_water 101" "low_water" "commit_delay 0" "merge pause"; do
	clear_log
	# shellcheck disable=SC2086 # words
	expect_fail dmsetup message snap 0 $message
	expect_log "snapshots: message ${message%% *}: "
done

note "counts"
dd if=/dev/urandom of="$(dm_path org)" bs=8k count=40 oflag=direct status=none
expect_eq "$(stat_of snap stats)" 1
expect_eq "$(stat_of snap copied_chunks)" 40
[ "$(stat_of snap copies)" -ge 1 ] || fail "no copies"
for line in copy_us commit_us commit_runs readers_us origin_held_us origin_read_us origin_write_us; do
	expect_match "$(stat_of snap "$line")" "[0-9]+:[0-9]+( [0-9]+:[0-9]+)*" "$line"
done
expect_eq "$(stat_of snap origin_read_sectors)" 640
expect_ok dmsetup message snap 0 stats reset
expect_eq "$(stat_of snap copied_chunks)" 0
expect_eq "$(stat_of snap copy_us)" ""

note "tracepoints, as the administrator's guide has them"
mount -t tracefs none /sys/kernel/tracing 2> /dev/null || true
events=/sys/kernel/tracing/events/dmsnap
# The debug kernels may lack them
if [ -d /sys/kernel/tracing/events ]; then
	expect_match "$(cd "$events" && echo dmsnap_*)" \
		"dmsnap_commit dmsnap_copy_begin dmsnap_copy_done dmsnap_copy_settled dmsnap_merge_batch"
	# Not all kernels with tracepoints have histograms
	hist=$events/dmsnap_copy_done/hist
	if [ -e "$hist" ]; then
		echo 'hist:keys=us.log2' > "$events/dmsnap_copy_done/trigger"
	fi
	echo 1 > "$events/enable"
	dd if=/dev/urandom of="$(dm_path org)" bs=8k count=10 seek=40 oflag=direct status=none
	echo 0 > "$events/enable"
	if [ -e "$hist" ]; then
		expect_match "$(< "$hist")" ".*us: ~ 2\^[0-9]+ .*Hits: 10[^0-9].*"
		echo '!hist:keys=us.log2' > "$events/dmsnap_copy_done/trigger"
	fi
	expect_match "$(< /sys/kernel/tracing/trace)" \
		".*dmsnap_copy_begin: cow=[0-9]+:[0-9]+ old_chunk=40 new_chunk=[0-9]+ chunks=1 us=0 failed=0.*dmsnap_commit: .*"
	echo > /sys/kernel/tracing/trace
else
	dd if=/dev/urandom of="$(dm_path org)" bs=8k count=10 seek=40 oflag=direct status=none
fi

note "a commit makes unflushed writes durable"
dd if=/dev/urandom of="$(dm_path snap)" bs=8k count=3 seek=200 oflag=direct status=none
expect_eq "$(dmsetup message snap 0 commit)" "committed 53"
expect_ok dmsetup message snap 0 commit_delay 60000
dd if=/dev/urandom of="$(dm_path snap)" bs=8k count=3 seek=300 oflag=direct status=none
expect_eq "$(dmsetup message snap 0 commit)" "committed 56"

note "the low-water mark raises one event"
before=$(events_of snap)
used=$(status_of snap)
expect_match "$used" "[0-9]+/[0-9]+ [0-9]+"
total=${used#*/} total=${total% *} used=${used%%/*}
expect_ok dmsetup message snap 0 low_water "$((used * 100 / total + 2))"
expect_eq "$(events_of snap)" "$before"
dd if=/dev/urandom of="$(dm_path org)" bs=64k count=20 seek=20 oflag=direct status=none
wait_until 10 events_above snap "$before"
expect_eq "$(events_of snap)" "$((before + 1))"
snap_drop snap

note "one chunk at a time"
snap_take snap P 16
expect_ok dmsetup message snap 0 in_flight 1
fio_verified "$(dm_path org)" --rw=randwrite --bsrange=4k-64k --iodepth=32 --randseed=5
snap_check snap
snap_drop snap

note "a merge is paused, slowed down, and continued"
snap_take snap P 16
fio_verified "$(dm_path org)" --rw=randwrite --bs=8k --iodepth=32 --randseed=6
sum=$(sum_of "$(dm_path snap)")
table=$(dmsetup table snap)
dm_remove snap org
# Writes to the origin are slow, so that there is a merge to pause
ram=$(dmsetup table base | cut -d' ' -f4)
dm_reload base "0 $SIZE delay $ram 0 0 $ram 0 300"
dm_create merging "${table/snapshot/snapshot-merge}"
dmsetup message merging 0 merge rate 64
dmsetup message merging 0 merge pause
# I/O in flight completes; a suspend waits for it
dmsetup suspend merging
dmsetup resume merging
dm_reload base "0 $SIZE linear $ram 0"
left=$(status_of merging)
expect_match "$left" "[0-9]+/[0-9]+ [0-9]+"
[ "${left%%/*}" -gt "${left##* }" ] || fail "nothing was left to merge: $left"
# With this rate it would be complete in that time, and without a limit at once
sleep 2
expect_eq "$(status_of merging)" "$left" "while it pauses"
expect_eq "$(sum_of "$(dm_path merging)")" "$sum"
before=$(events_of merging)
expect_ok dmsetup message merging 0 merge rate 0
expect_ok dmsetup message merging 0 merge resume
wait_until 30 events_above merging "$before"
left=$(status_of merging)
expect_eq "${left%%/*}" "${left##* }" "what is in use, and metadata"
expect_eq "$(sum_of "$(dm_path merging)")" "$sum"
expect_match "$(stat_of merging merged_chunks)" "[1-9][0-9]*"
dm_remove merging
