# summary: blocks of the origin, then of COW devices, turn bad: only what needs them is lost, and says so
# default: 6.12
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-scsi.sh

readonly MB=8 BAD_KB=2048 SCSI_OPTIONS=/sys/bus/pseudo/drivers/scsi_debug/opts

# write_kb KB: writes 4 KiB of the origin, with the contents of $TMP/written
write_kb()
{
	head -c 4096 /dev/urandom > "$TMP/written"
	dd if="$TMP/written" of="$(dm_path org)" bs=4k count=1 seek="$(($1 / 4))" oflag=direct status=none
}

# read_kb NAME KB: reads 4 KiB
read_kb()
{
	dd if="$(dm_path "$1")" bs=4k count=1 skip="$(($2 / 4))" iflag=direct status=none
}

# cow_of NAME [FROM SECTORS]: prints the table of a COW device on which those sectors are bad
cow_of()
{
	local ram
	ram=$(awk -v name="ram-$1" '$1 == name { print $3 }' "$DISKS_MADE")
	if [ $# -eq 1 ]; then
		echo "0 $(sectors "$ram") linear $ram 0"
		return
	fi
	echo "0 $2 linear $ram 0"
	echo "$2 $3 error"
	echo "$(($2 + $3)) $(($(sectors "$ram") - $2 - $3)) linear $ram $(($2 + $3))"
}

valid()
{
	local name
	for name; do
		is_status "$name" '[0-9]+/[0-9]+ [0-9]+' || fail "snapshot $name is $(status_of "$name")"
	done
}

scsi_plug 1 "$MB" medium_error_start=$((BAD_KB * 2)) medium_error_count=8
dm_create base "0 $((MB * 2048)) linear ${SCSI[0]} 0"
fill "$(dm_path base)" 5
org_load
snap_take has P 8
write_kb "$BAD_KB"
snap_take small P 8
snap_take large P 128

note "8 sectors of the origin cannot be read"
echo 2 > "$SCSI_OPTIONS"
for name in org small large; do
	expect_fail read_kb "$name" "$BAD_KB"
	read_kb "$name" $((BAD_KB + 64)) > "$TMP/read"
done
valid has small large
snap_check has
write_kb $((BAD_KB + 4))
expect_eq "$(status_of large)" Invalid "a snapshot that had to copy them"
expect_log "Invalidating snapshot: Error reading/writing"
valid has small
write_kb "$BAD_KB"
expect_eq "$(status_of small)" Invalid "a snapshot that had to copy them"
valid has
snap_check has
expect_fail dd if="$(dm_path small)" of="$TMP/read" bs=4k count=1 iflag=direct status=none
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=2M
snap_check has

note "they can again"
echo 0 > "$SCSI_OPTIONS"
expect_eq "$(read_kb org "$BAD_KB" | sha256sum)" "$(sha256sum < "$TMP/written")" "what was written to bad sectors"
snap_check has
snap_drop small
snap_drop large

note "the COW device turns bad where the next copies go to, under load"
snap_take snap P 8
writer_start user "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --rate_iops=400
wait_until 30 has_allocated snap 200
dmsetup suspend --noflush cow-snap
dmsetup load cow-snap --table "$(cow_of snap "$(allocated snap)" 800)"
dmsetup resume cow-snap
wait_until 30 is_status snap Invalid
writers_move
writers_stop
snap_check has
expect_fail read_kb snap 0
dm_remove snap
dm_create snap "$(snap_table snap P 8)"
expect_eq "$(status_of snap)" Invalid "activated again"
snap_drop snap

note "the COW device turns bad where there is data: that cannot be read, the snapshot stays, and all is there later"
snap_take snap P 8
write_kb 0
write_kb 64
# In this order: the header, the area, the chunk of 0 KiB, that of 64 KiB
dm_reload cow-snap "$(cow_of snap 16 8)"
expect_fail read_kb snap 0
read_kb snap 64 > "$TMP/read"
expect_fail dd if=/dev/zero of="$(dm_path snap)" bs=512 count=1 oflag=direct status=none
write_kb 128
valid snap has
dm_reload cow-snap "$(cow_of snap)"
snap_check

dm_remove snap has org cow-snap cow-has base
scsi_unplug
