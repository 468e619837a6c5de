# summary: origin and COW device unplugged under load, and the COW device at a merge: all ends, in time
# default: none
# mem: 1536
# timeout: 300

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# Two disks of 16 MB, each I/O takes one tick or two
readonly MB=16 LIMIT=30

# sd_of NUMBER
sd_of()
{
	local dir=(/sys/bus/pseudo/drivers/scsi_debug/adapter"$1"/host*/target*/*:*/block/*)
	printf '/dev/%s\n' "${dir[0]##*/}"
}

there_are_both()
{
	[ -b "$(sd_of 0)" ] && [ -b "$(sd_of 1)" ]
}

ended()
{
	! kill -0 "$1" 2> /dev/null
}

# bounded COMMAND...: ends in time, well or not; its exit code
bounded()
{
	local rc=0
	timeout -s KILL "$LIMIT" "$@" > "$TMP/bounded" 2>&1 || rc=$?
	[ "$rc" -ne 137 ] || fail "still runs after $LIMIT s: $*"
	return "$rc"
}

# Origin and snapshot on the disks, a witness on a RAM disk
begin()
{
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=$MB add_host=2 per_host_store=1 delay=2
	wait_until 20 there_are_both
	base=$(sd_of 0) cow=$(sd_of 1)
	dm_create base "0 $((MB * 2048)) linear $base 0"
	fill "$(dm_path base)" 3 8
	org_load
	dm_create cow-snap "0 $((MB * 2048)) linear $cow 0"
	snap_take witness P 16
	snap_take snap P 8
}

unplug()
{
	note "unplugged: $1"
	echo 1 > "/sys/block/${1##*/}/device/delete"
}

# finish NAME...: all of that goes
finish()
{
	local name
	for name in "$@" witness org cow-snap cow-witness base; do
		bounded dmsetup remove "$name" || fail "cannot remove $name: $(< "$TMP/bounded")"
	done
	drop_disk ram-witness
	unset "FROZEN[witness]" "FROZEN[snap]"
	rmmod scsi_debug
}

# write_on: the origin is written at random until that fails, or is to end
write_on()
{
	rm -f "$TMP/writes-end"
	(
		trap - ERR EXIT
		while [ ! -e "$TMP/writes-end" ]; do
			fio --name=w --filename="$(dm_path org)" --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=16 \
				--io_size=512k --size=8M --randseed=$RANDOM --output="$TMP/write.out" || exit 1
		done
	) &
	WRITER=$!
}

writer_ends()
{
	touch "$TMP/writes-end"
	wait_until "$LIMIT" ended "$WRITER"
}

# has_merged LEFT: less than that is left
has_merged()
{
	[ "$(merge_progress org)" -lt "$1" ]
}

# The origin and the other snapshot go on as if nothing had been
check_goes_on()
{
	writer_ends
	wait "$WRITER" || fail "a write to the origin has failed: $(tail -n 5 "$TMP/write.out")"
	snap_check witness
}

# The origin has no device any more: its writers are told
check_origin_fails()
{
	writer_ends
	! wait "$WRITER" || fail "writes to an origin without a device succeed"
	expect_fail dd if=/dev/zero of="$(dm_path org)" bs=4k count=1 seek=99 oflag=direct status=none
	for name in "$@"; do
		bounded dmsetup status "$name"
		bounded dd if="$(dm_path "$name")" of=/dev/null bs=64k iflag=direct status=none || true
	done
}

note "the COW device, under load"
begin
write_on
wait_until 30 has_allocated snap 400
unplug "$cow"
wait_until "$LIMIT" is_status snap Invalid
check_goes_on
expect_fail dd if="$(dm_path snap)" of=/dev/null bs=4k count=1 iflag=direct status=none
finish snap

note "the origin, under load"
begin
write_on
wait_until 30 has_allocated snap 400
unplug "$base"
check_origin_fails snap witness
finish snap

note "the COW device, at a merge"
begin
fio_run "$(dm_path snap)" --rw=randwrite --bs=4k --iodepth=32 --size=8M --io_size=4M
# Each write of the origin takes its time, so that there is a merge to meet
dm_reload base "0 $SIZE delay $base 0 0 $base 0 200"
merge_begin snap
dmsetup message org 0 merge rate 256
left=$(merge_progress org)
wait_until 30 has_merged "$left"
[ "$(merge_progress org)" -gt 0 ] || fail "nothing was left to merge"
write_on
unplug "$cow"
wait_until "$LIMIT" is_status org "Merge failed|Invalid"
writer_ends
bounded dd if="$(dm_path org)" of=/dev/null bs=64k iflag=direct status=none || true
finish
