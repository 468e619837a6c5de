# summary: a COW device that does not answer delays no other I/O, not even in a removal that is killed; an unplugged origin
# kernels: stock um smp
# default: 6.12
# timeout: 240

. /job/vm/lib-io.sh

# sleeps_in PID FUNCTION: for wait_until
sleeps_in()
{
	grep -q "$2" "/proc/$1/stack" 2> /dev/null
}

nobody_has_it()
{
	[ "$(dmsetup info -c --noheadings -o open cow-snap)" = 0 ]
}

flushed_part()
{
	dd if="$(dm_path snap)" bs=4k count=8 iflag=direct status=none | md5sum
}

write_some()
{
	dd if=/dev/urandom of="$(dm_path org)" bs=64k count=8 seek="$1" oflag=direct status=none
}

origin_make 16
snap_take snap P 16
snap_take other P 8

note "a COW device is suspended: writes that need no copy there, and the other snapshot, proceed"
write_some 0
dmsetup suspend --noflush cow-snap
write_some 0
dd if="$(dm_path other)" of=/dev/null bs=1M iflag=direct status=none
status_of snap > /dev/null
dm_reload other "$(snap_table other P 8)"
snap_check other
dm_remove other
dmsetup resume cow-snap
snap_check snap

note "a removal is killed; what was flushed stays"
dd if=/dev/urandom of="$(dm_path snap)" bs=4k count=8 oflag=direct conv=fsync status=none
kept=$(flushed_part)
dd if=/dev/urandom of="$(dm_path snap)" bs=4k count=8 seek=512 oflag=direct status=none
dmsetup suspend --noflush cow-snap
clear_log
dmsetup remove snap &
remover=$!
wait_until 20 sleeps_in "$remover" dmsnap_port_event_wait_killable
kill -KILL "$remover"
wait "$remover" 2> /dev/null || true
# The I/O is still in flight, so the device cannot be removed and the store cannot be loaded
expect_log "the removal of a snapshot was interrupted"
expect_eq "$(dmsetup info -c --noheadings -o open cow-snap)" 1 "users of the COW device"
expect_fail dm_create snap "$(snap_table snap P 16)"
dmsetup resume cow-snap
wait_until 20 nobody_has_it
dm_create snap "$(snap_table snap P 16)"
expect_eq "$(flushed_part)" "$kept" "what was flushed"

note "the origin's device goes: the write ends, the snapshot is invalid, nothing spins"
table=$(dmsetup table base)
dm_reload base "0 $(sectors "$(dm_path base)") error"
expect_fail dd if=/dev/urandom of="$(dm_path org)" bs=4k count=1 seek=3000 oflag=direct status=none
expect_eq "$(status_of snap)" Invalid
dm_remove snap org
dm_reload base "$table"
