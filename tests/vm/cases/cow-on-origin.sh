# summary: a COW file on the origin's own file system waits for itself; the snapshot can be removed, no file is lost
# default: none
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-fs.sh

is_gone()
{
	! kill -0 "$1" 2> /dev/null
}

make_device base 96
# shellcheck disable=SC2034 # read by org_load
SIZE=$(sectors "$(dm_path base)")
org_load
fs_make ext4 "$(dm_path org)"
org=$(mount_at "$(dm_path org)")
make_files "$org" 1
modprobe loop
for mb in 3 40; do
	note "of $mb MB"
	sums "$org" > "$TMP/old"
	fallocate -l "${mb}M" "$org/cow.img"
	sync
	loop=$(losetup -f --show "$org/cow.img")
	dm_create cow-snap "0 $(sectors "$loop") linear $loop 0"
	dmsetup create snap --notable
	dm_load snap "$(snap_table snap P 16)"
	# A frozen file system would block writes to the COW file
	dmsetup suspend --nolockfs org
	dmsetup resume snap
	dmsetup resume org
	cp "$org/huge" "$org/copied"
	sync &
	syncer=$!
	# Copies wait for the file, the file's flush for writes to the origin, and these for copies;
	# unless the file was full before that
	for ((try = 0; try < 100; try++)); do
		if is_gone "$syncer"; then
			break
		fi
		sleep 0.05
	done
	note "$(dmsetup status snap), $(is_gone "$syncer" && echo "all is written" || echo "not all is written")"
	timeout -s KILL 40 dmsetup remove snap || fail "the snapshot cannot be removed"
	wait_until 40 is_gone "$syncer"
	dm_remove cow-snap
	losetup -d "$loop"
	same "$org/huge" "$org/copied"
	rm "$org/copied"
	check_files "$org" old ./cow.img
	rm "$org/cow.img"
done
umount "$org"
fs_check ext4 "$(dm_path org)"
