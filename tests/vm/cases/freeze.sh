# summary: while a file system is frozen, its snapshots are created, refreshed, merged and removed, also mounted ones
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh
. /job/vm/lib-fs.sh

# bounded COMMAND...: must end, but may fail
bounded()
{
	local rc=0
	timeout -s KILL 30 "$@" > "$TMP/bounded" 2>&1 || rc=$?
	[ "$rc" -ne 137 ] || fail "still runs after 30 s: $*"
	note "$*: exit code $rc $(< "$TMP/bounded")"
}

make_device base 96
SIZE=$(sectors "$(dm_path base)")
org_load
fs_make ext4 "$(dm_path org)"
org=$(mount_at "$(dm_path org)")
make_files "$org" 1
sums "$org" > "$TMP/old"
writer_start small "$org/big" --rw=randwrite --bs=4k --iodepth=16 --size=6M --io_size=512k --fsync=32 --overwrite=1
writers_move

note "the origin is frozen, while snapshots come and go"
fsfreeze -f "$org"
for name in a b; do
	# shellcheck disable=SC2004,SC2034 # an associative one of lib-io.sh
	FROZEN[$name]=$(sum_of "$(dm_path base)")
	make_device "cow-$name" 40
	take "$name" 8 --nolockfs
done
snap_check
dm_reload a "$(snap_table a P 8)"
# Some kernels do not freeze a frozen file system again
dm_load org "0 $SIZE snapshot-origin $(dm_path base)"
bounded dmsetup suspend org
dmsetup suspend --nolockfs org
dmsetup resume org
dm_remove b
unset 'FROZEN[b]'
round=$(_writer_round small)
fsfreeze -u "$org"
wait_until 30 _writer_past small "$((round + 1))"
snap_check a
writers_stop
fs_check ext4 "$(dm_path a)"
check_files "$(mount_at "$(dm_path a)" ro)" old ./big
umount "/mnt/a"

note "a snapshot is frozen, and suspended, refreshed and removed from under its mount"
snap=$(mount_at "$(dm_path a)")
fsfreeze -f "$snap"
bounded dmsetup suspend a
dmsetup resume a
dmsetup suspend --nolockfs a
dm_load a "$(snap_table a P 8)"
dmsetup resume a
expect_fail dmsetup remove a
fsfreeze -u "$snap"
echo more > "$snap/more"
umount "$snap"
fs_check ext4 "$(dm_path a)"

note "a snapshot is left suspended under its mount; it is frozen, thawed and unmounted once that is over"
snap=$(mount_at "$(dm_path a)")
echo again > "$snap/again"
dmsetup suspend --nolockfs --noflush a
fsfreeze -f "$snap" &
freezer=$!
bounded dmsetup remove a
bounded dmsetup status a
# The origin is not affected
fio_verified "$org/huge" --rw=randwrite --bs=4k --iodepth=16 --size=1M --overwrite=1
dmsetup resume a
wait "$freezer"
fsfreeze -u "$snap"
expect_eq "$(< "$snap/again")" again
umount "$snap"
fs_check ext4 "$(dm_path a)"
want=$(sum_of "$(dm_path a)")

note "the origin is frozen when the merge of its snapshot begins and ends"
umount "$org"
merge_begin a
org=$(mount_at "$(dm_path org)" ro)
bounded fsfreeze -f "$org"
merge_wait org 60
bounded fsfreeze -u "$org"
umount "$org"
expect_eq "$(sum_of "$(dm_path org)")" "$want" "what was merged"
fs_check ext4 "$(dm_path org)"
