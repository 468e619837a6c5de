# summary: fstrim and -o discard on an origin: what no snapshot needs is discarded, snapshots keep what they show
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-fs.sh

# allocated NAME: prints the sectors in use of its COW device
allocated()
{
	local status
	status=$(dmsetup status "$1")
	[[ $status =~ \ ([0-9]+)/[0-9]+\ [0-9]+$ ]] || fail "status of $1: $status"
	echo "${BASH_REMATCH[1]}"
}

# stat_of NAME LINE: prints the value of this line
stat_of()
{
	dmsetup message "$1" 0 stats | awk -v what="$2" '$1 == what { print $2 }'
}

# handled: prints the sectors of discards of the origin, passed down or left alone
handled()
{
	echo $(($(stat_of s1 origin_discarded_sectors) + $(stat_of s1 origin_discards_left_sectors)))
}

# limits NAME: prints the limits of its discards
limits()
{
	local dev
	dev=/sys/block/dm-$(dmsetup info -c --noheadings -o minor "$1")
	cat "$dev/queue/discard_granularity" "$dev/discard_alignment" "$dev/queue/discard_max_bytes" | xargs
}

frozen=()
# freeze NAME CHUNK: takes a snapshot, and saves what it shows
freeze()
{
	take "$1" "$2"
	frozen+=("$1 $(sum_of "$(dm_path "$1")")")
}

# Each still shows its first contents, byte for byte
check_frozen()
{
	local name sum
	echo 3 > /proc/sys/vm/drop_caches
	while read -r name sum; do
		expect_eq "$(sum_of "$(dm_path "$name")")" "$sum" "$name has changed: $1"
	done < <(printf '%s\n' "${frozen[@]}")
}

make_device base 48
for n in 1 2 3 4; do
	make_device "cow-s$n" 52
done
# shellcheck disable=SC2034 # read by org_load
SIZE=$(sectors "$(dm_path base)")
org_load
fs_make ext4 "$(dm_path org)"
org=$(mount_at "$(dm_path org)")

note "without a snapshot all free space is discarded"
expect_ok fstrim -v "$org"
expect_match "$(limits org)" "[1-9][0-9]* [0-9]+ [1-9][0-9]*"
expect_eq "$(limits org)" "$(limits base)" "the limits are not those of the device below"

note "with one, a file that it shows stays, one that it has copies of goes"
make_files "$org" 1
freeze s1 8
make_files "$org" 2
rm "$org"/file-[1-6] "$org/huge"
sync
before=$(allocated s1)
passed=$(stat_of s1 origin_discarded_sectors)
expect_ok fstrim -v "$org"
note "$OUTPUT"
expect_eq "$(allocated s1)" "$before" "COW space was spent on a discard"
[ "$(stat_of s1 origin_discarded_sectors)" -gt "$passed" ] || fail "nothing was discarded"
[ "$(stat_of s1 origin_discards_left_sectors)" -gt 0 ] || fail "nothing was left alone"
check_frozen "after fstrim"

note "with one, the file system discards as it deletes"
mount -o remount,discard "$org"
make_files "$org" 8
before=$(handled)
rm "$org"/file-* "$org/big"
sync
[ "$(handled)" -gt "$before" ] || fail "the file system has discarded nothing"
check_frozen "after deletes"
make_files "$org" 9
check_frozen "after writes"
mount -o remount,nodiscard "$org"

note "with four, of all chunk sizes, the file system discards as it deletes"
make_files "$org" 3
freeze s2 16
freeze s3 64
make_files "$org" 4
freeze s4 128
mount -o remount,discard "$org"
make_files "$org" 5
for round in 6 7; do
	before=$(handled)
	rm "$org"/file-* "$org/big"
	sync
	[ "$(handled)" -gt "$before" ] || fail "the file system has discarded nothing"
	make_files "$org" "$round"
	sync
	expect_ok fstrim -v "$org"
	check_frozen "in round $round"
done
sums "$org" > "$TMP/last"
umount "$org"
fs_check ext4 "$(dm_path org)"

note "and all of it opened again"
dm_remove org s1 s2 s3 s4
for n in 1 2 3 4; do
	chunks=(0 8 16 64 128)
	dm_create "s$n" "$(snap_table "s$n" P "${chunks[n]}")"
done
org_load
check_frozen "opened again"
check_files "$(mount_at "$(dm_path org)" ro)" last
umount "$org"

note "an origin that is loaded with the parameter off offers none"
echo N > /sys/module/dm_snapshot/parameters/origin_discards
expect_ok fstrim "$(mount_at "$(dm_path org)")"
umount "$org"
dm_remove org
org_load
expect_fail fstrim "$(mount_at "$(dm_path org)")"
expect_match "$OUTPUT" ".*discard operation is not supported.*"
expect_match "$(limits org)" "[0-9]+ [0-9]+ 0"
umount "$org"
dm_remove org
echo Y > /sys/module/dm_snapshot/parameters/origin_discards
org_load
expect_ok fstrim "$(mount_at "$(dm_path org)")"
