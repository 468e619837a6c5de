# summary: with a slow origin and a slow COW device, handover, removal and the stop of a merge wait for all I/O
# default: 6.12
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

readonly SLOW_MS=700

# slow NAME READ_MS WRITE_MS: reads and writes of that device take so long from now on
slow()
{
	local size path
	read -r _ size _ path _ < <(dmsetup table "$1")
	dm_reload "$1" "0 $size delay $path 0 $2 $path 0 $3"
}

# quick NAME
quick()
{
	local size path
	read -r _ size _ path _ < <(dmsetup table "$1")
	dm_reload "$1" "0 $size linear $path 0"
}

origin_make 8
snap_take witness P 16
snap_take snap P 8

note "a handover while the next area is zeroed, which begins when half of one is full"
fio_run "$(dm_path org)" --rw=write --bs=4k --iodepth=32 --size=480k
slow cow-snap 0 "$SLOW_MS"
fio_run "$(dm_path org)" --rw=write --bs=4k --iodepth=16 --offset=480k --size=64k
dm_reload snap "$(snap_table snap P 8)"
quick cow-snap
snap_check

note "a removal while copies are on their way"
slow cow-snap 0 "$SLOW_MS"
slow base "$SLOW_MS" 0
before=$(allocated snap)
fio_run "$(dm_path org)" --rw=write --bs=4k --iodepth=16 --offset=1m --size=64k &
writer=$!
wait_until 20 has_allocated snap $((before + 8))
dm_remove snap
wait "$writer"
quick base
quick cow-snap
snap_check witness
dm_create snap "$(snap_table snap P 8)"
expect_match "$(status_of snap)" '[0-9]+/[0-9]+ [0-9]+'

note "a merge is stopped, and continues"
want=$(sum_of "$(dm_path snap)")
slow base 0 "$SLOW_MS"
merge_begin snap P 8
left=$(merge_progress org)
dmsetup suspend org
dmsetup resume org
[ "$left" -gt 0 ] || fail "nothing was left to merge"
quick base
merge_wait org 60
expect_eq "$(sum_of "$(dm_path org)")" "$want" "what was merged"
snap_check witness
