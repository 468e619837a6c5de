# summary: a COW device that is suspended, write-protected, or has a bad store: loading its table can be killed; the origin keeps working
# kernels: stock um smp
# default: 6.12
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh

parameters=/sys/module/dm_snapshot/parameters

# header_word N: prints word N of the store's header
header_word()
{
	od -An -v -t u4 -j $((4 * $1)) -N 4 < <(dd if="$(dm_path cow-snap)" bs=4096 count=1 iflag=direct status=none) | tr -d ' '
}

# sleeps_in PID FUNCTION: for wait_until
sleeps_in()
{
	grep -q "$2" "/proc/$1/stack" 2> /dev/null
}

# load_killed: loads the table of `snap` over its suspended COW device, and kills the loading process
load_killed()
{
	local loader
	dmsetup suspend --noflush cow-snap
	dmsetup create snap --notable
	dmsetup load snap --table "$(snap_table snap P 16)" &
	loader=$!
	wait_until 20 sleeps_in "$loader" dmsnap_port_event_wait_killable
	clear_log
	kill -KILL "$loader"
	wait "$loader" 2> /dev/null || true
	expect_log "snapshot with COW device [0-9:]+ is not loaded: killed while the store was read"
	dmsetup remove snap
}

nobody_has_it()
{
	[ "$(dmsetup info -c --noheadings -o open cow-snap)" = 0 ]
}

write_some()
{
	dd if=/dev/urandom of="$(dm_path org)" bs=64k count=8 oflag=direct status=none
}

origin_make 8
snap_take snap P 16
write_some
snap_check
dm_remove snap

note "a suspended COW device: the load waits, and can be killed"
load_killed
# The read is still in flight, so the device cannot be removed
expect_eq "$(dmsetup info -c --noheadings -o open cow-snap)" 1 "users of the COW device"
expect_fail dmsetup remove cow-snap
dmsetup resume cow-snap
wait_until 20 nobody_has_it
dm_create snap "$(snap_table snap P 16)"
snap_check
dm_remove snap

note "the device fails instead"
load_killed
table=$(dmsetup table cow-snap)
dm_reload cow-snap "0 $(sectors "$(dm_path cow-snap)") error"
wait_until 20 nobody_has_it
dm_reload cow-snap "$table"

note "a write-protected COW device"
blockdev --setro "$(dm_path cow-snap)"
clear_log
expect_fail dm_create snap "$(snap_table snap P 16)"
expect_log "snapshot: COW device is write-protected"
dm_create snap "$(snap_table snap P 16)" --readonly
snap_check
dm_remove snap
blockdev --setrw "$(dm_path cow-snap)"

note "a bad store: the snapshot is invalid, nothing is written until the origin is"
dm_reload cow-snap "0 64 ${table#* * }"
before=$(sum_of "$(dm_path cow-snap)")
clear_log
dm_create snap "$(snap_table snap P 16)"
expect_eq "$(status_of snap)" Invalid
expect_log "snapshot store refused: COW chunk outside the COW device"
expect_log "is invalid: its store cannot be used; 'dmsnap check' says"
expect_fail dd if="$(dm_path snap)" of=/dev/null bs=4k count=1 iflag=direct status=none
dd if="$(dm_path org)" of=/dev/null bs=1M iflag=direct status=none
dm_remove snap
expect_eq "$(sum_of "$(dm_path cow-snap)")" "$before" "the COW device"
dm_create snap "$(snap_table snap P 16)"
expect_eq "$(header_word 1)" 1
events=$(events_of snap)
write_some
expect_eq "$(header_word 1)" 0 "the mark"
wait_until 20 events_above snap "$events"
dm_remove snap
# The device is long enough again, but the snapshot must stay invalid
dm_reload cow-snap "$table"
dm_create snap "$(snap_table snap P 16)"
expect_eq "$(status_of snap)" Invalid
expect_log "Snapshot is marked invalid"
dm_remove snap

note "a table of a merge: the origin passes through"
dd if=/dev/zero of="$(dm_path cow-snap)" bs=1M count=1 oflag=direct status=none
snap_take snap P 16
write_some
dm_remove snap org
dm_reload cow-snap "0 64 ${table#* * }"
dm_create org "0 $SIZE snapshot-merge $(dm_path base) $(dm_path cow-snap) P 16"
expect_eq "$(status_of org)" Invalid
expect_log "Snapshot is invalid: can't merge"
expect_eq "$(sum_of "$(dm_path org)")" "$(sum_of "$(dm_path base)")" "what the origin shows"
expect_eq "$(header_word 1)" 1
write_some
expect_eq "$(header_word 1)" 0 "the mark"
expect_eq "$(sum_of "$(dm_path org)")" "$(sum_of "$(dm_path base)")" "what the origin shows"
dm_remove org

note "refused, with the parameter"
echo 1 > "$parameters/refuse_bad_store"
dd if=/dev/urandom of="$(dm_path cow-snap)" bs=4k count=1 oflag=direct status=none
clear_log
expect_fail dm_create snap "$(snap_table snap P 16)"
expect_log "snapshot: Failed to read snapshot metadata"
expect_log "is refused: its store cannot be used; 'dmsnap check' says"
