# summary: stall_on_full: writes wait for a larger COW device, reads and other writes proceed; suspend, removal, timeout
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh

parameter=/sys/module/dm_snapshot/parameters/no_space_timeout

# cow_of MB: prints the table of a COW device that uses this many MB of 8
cow_of()
{
	printf '0 %d linear %s 0' "$(($1 * 2048))" "$ram"
}

# small TYPE [FEATURES]: makes the snapshot `snap` on a COW device of 2 MB
small()
{
	ram=$(make_ram ram-snap 8)
	dm_create cow-snap "$(cow_of 2)"
	snap_take snap "$1" 16
	if [ $# -gt 1 ]; then
		dm_reload snap "$(snap_table snap "$1" 16) $2"
	fi
}

# write_on: writes the first 4 MB of the origin in the background; sets WRITER
write_on()
{
	dd if=/dev/urandom of="$(dm_path org)" bs=64k count=64 oflag=direct status=none &
	WRITER=$!
}

origin_make 8
expect_eq "$(< "$parameter")" 60
snap_take witness P 16

note "origin writes wait, and proceed when the COW device has grown"
small P "1 stall_on_full"
expect_match "$(dmsetup table snap)" ".* P 16 1 stall_on_full"
before=$(events_of snap)
write_on
wait_until 20 events_above snap "$before"
expect_log "it is full, writes wait for a larger device"
expect_match "$(dmsetup message snap 0 stats | grep stalled)" "stalled 1"
kill -0 "$WRITER" || fail "the writer did not wait"
expect_match "$(status_of snap)" "[0-9]+/4096 [0-9]+"
# Reads proceed, and so do writes of copied chunks
dd if="$(dm_path snap)" of=/dev/null bs=64k iflag=direct status=none
dd if=/dev/urandom of="$(dm_path org)" bs=64k count=1 oflag=direct status=none
dd if="$(dm_path org)" of=/dev/null bs=64k iflag=direct status=none
dm_reload cow-snap "$(cow_of 8)"
wait "$WRITER"
expect_log "it has grown, writes go on"
snap_check snap
snap_check witness
snap_drop snap

note "a message does the same, and the table line stays"
small P
table=$(dmsetup table snap)
expect_ok dmsetup message snap 0 stall on
expect_eq "$(dmsetup table snap)" "$table"
before=$(events_of snap)
write_on
wait_until 20 events_above snap "$before"
# The origin can be suspended: the writer uses the reserve that is kept for this
timeout 20 dmsetup suspend org
dm_reload cow-snap "$(cow_of 8)"
dmsetup resume org
wait "$WRITER"
snap_check snap
snap_drop snap

note "a snapshot that makes the origin wait can be removed"
small P "1 stall_on_full"
before=$(events_of snap)
write_on
wait_until 20 events_above snap "$before"
snap_drop snap
wait "$WRITER"
snap_check witness

note "when the time is over it is as without"
echo 2 > "$parameter"
small P "1 stall_on_full"
write_on
wait "$WRITER"
wait_until 10 is_status snap Invalid
expect_log "no larger device came in time"
echo 60 > "$parameter"
snap_check witness
snap_drop snap

note "a module parameter applies to all snapshots without a setting of their own"
parameters=${parameter%/*}
expect_fail sh -c "echo 101 > $parameters/low_water"
expect_eq "$(< "$parameters/low_water")" 0
echo Y > "$parameters/stall_on_full"
echo 50 > "$parameters/low_water"
small P
expect_match "$(dmsetup table snap)" ".* P 16"
before=$(events_of snap)
write_on
wait_until 20 events_above snap "$((before + 1))"
expect_match "$(dmsetup message snap 0 stats | grep stalled)" "stalled 1"
dm_reload cow-snap "$(cow_of 8)"
wait "$WRITER"
snap_check snap
snap_drop snap
small P "1 no_stall_on_full"
expect_match "$(dmsetup table snap)" ".* P 16 1 no_stall_on_full"
write_on
wait "$WRITER"
wait_until 10 is_status snap Invalid
snap_drop snap
echo N > "$parameters/stall_on_full"
echo 0 > "$parameters/low_water"
snap_check witness

note "not of a transient store"
ram=$(make_ram ram-snap 8)
dm_create cow-snap "$(cow_of 2)"
expect_fail dmsetup create snap --table "$(snap_table snap N 16) 1 stall_on_full"
expect_log "stall_on_full needs a persistent store"
dm_remove cow-snap
