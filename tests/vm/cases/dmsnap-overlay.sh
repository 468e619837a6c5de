# summary: dmsnap overlay: a lab image 12 times, a RAID5 by force, a live medium; one that is full
# kernels: 6.1 6.12
# default: 6.12
# guest: full
# smp: 1
# tools: dmsnap
# disks: 24M 24M 24M 64M
# timeout: 300

# shellcheck disable=SC2154 # what lib-overlay.sh sets
. /job/vm/lib-overlay.sh

disks_sum() { cat "$A" "$B" "$C" | sha256sum; }

lab_image()
{
	local i image=$TMP/lab.img before
	note "a lab image, 12 times, in memory"
	truncate -s 16M "$image"
	mkfs.ext4 -q -N 64 -J size=1 "$image"
	before=$(sha256sum < "$image")
	overlay create "$image" --copies 12 --ram --size 4M
	expect_eq "$(wc -l < "$TMP/out")" 12
	for i in {1..12}; do
		says "^/dev/mapper/overlay-lab.img-$i\$"
		mount_at "/dev/mapper/overlay-lab.img-$i" > /dev/null
		echo "pupil $i" > "/mnt/overlay-lab.img-$i/name"
		sync -f "/mnt/overlay-lab.img-$i"
	done
	for i in {1..12}; do
		expect_eq "$(< "/mnt/overlay-lab.img-$i/name")" "pupil $i"
	done
	overlay status --json
	expect_eq "$(grep -c '"state": "active"' "$TMP/out")" 12
	exits 2 overlay reset overlay-lab.img-3
	complains 'overlay-lab.img-3 is in use'
	exits 2 overlay drop --all
	umount /mnt/overlay-lab.img-*
	overlay reset lab.img-3
	mount_at /dev/mapper/overlay-lab.img-3 > /dev/null
	[ ! -e /mnt/overlay-lab.img-3/name ] || fail "a reset has left changes"
	umount /mnt/overlay-lab.img-3
	mount_at /dev/mapper/overlay-lab.img-4 > /dev/null
	expect_eq "$(< /mnt/overlay-lab.img-4/name)" "pupil 4" "the reset of another one took these"
	umount /mnt/overlay-lab.img-4
	exits 2 overlay keep lab.img-4 --yes
	complains 'was read-only before'
	overlay drop --all
	expect_eq "$(sha256sum < "$image")" "$before" "the image was written to"
	nothing_left
}

raid5()
{
	local before level
	note "a RAID5 of which one member fell out long ago, and another one is dead, by force"
	modprobe raid456
	# udev does so with devices that were written to: the disks, when the changes are kept
	echo 'AUTO -all' > /etc/mdadm/mdadm.conf
	mdadm --quiet --create /dev/md0 --run --level 5 --raid-devices 3 --chunk 64 --bitmap none --assume-clean "$A" "$B" "$C"
	mkfs.ext4 -q -N 64 -J size=1 /dev/md0
	mount_at /dev/md0 > /dev/null
	seq 100000 > /mnt/md0/numbers
	sync -f /mnt/md0
	umount /mnt/md0
	mdadm --quiet /dev/md0 --fail "$A"
	dd if=/dev/zero of=/dev/md0 bs=4k count=1 seek=3000 oflag=direct status=none
	mdadm --quiet --stop /dev/md0
	dd if=/dev/zero of="$C" bs=1M count=24 oflag=direct status=none
	before=$(disks_sum)

	overlay create "$A" "$B" "$C" --size 8M --dir "$folder"
	says "^$(over "$A")\$"
	for level in "$A" "$B" "$C"; do
		expect_eq "$(blockdev --getro "$level")" 1
		if dd if=/dev/zero of="$level" bs=4k count=1 oflag=direct status=none 2> /dev/null; then
			fail "$level can be written to"
		fi
	done
	expect_fail mdadm --quiet --assemble /dev/md0 "$(over "$A")" "$(over "$B")"
	mdadm --quiet --stop /dev/md0 || true
	mdadm --quiet --assemble --force --run /dev/md0 "$(over "$A")" "$(over "$B")"
	e2fsck -fy /dev/md0 > "$TMP/fsck" || [ $? -le 1 ] || fail "$(cat "$TMP/fsck")"
	mount_at /dev/md0 > /dev/null
	diff <(seq 100000) /mnt/md0/numbers
	echo mended > /mnt/md0/note
	umount /mnt/md0
	exits 2 overlay drop --all --dir "$folder"
	complains 'in use by md0'
	mdadm --quiet --stop /dev/md0
	expect_eq "$(disks_sum)" "$before" "a disk was written to"

	note "it was right: the changes are kept"
	exits 2 overlay keep "$B" --dir "$folder" < /dev/null
	complains 'Nobody can be asked: say --yes'
	for level in "$A" "$B"; do
		overlay keep "$level" --yes --dir "$folder"
		says ': kept$'
	done
	overlay drop "$C" --dir "$folder"
	nothing_left
	mdadm --quiet --assemble --run /dev/md0 "$A" "$B"
	mount_at /dev/md0 > /dev/null
	expect_eq "$(< /mnt/md0/note)" mended
	umount /mnt/md0
	mdadm --quiet --stop /dev/md0
	mdadm --quiet --zero-superblock "$A" "$B"
}

live_medium()
{
	note "a medium that cannot be written to"
	mkfs.ext4 -q -N 64 -J size=1 "$A"
	blockdev --setro "$A"
	overlay create "$A" --ram --size 8M
	mount_at "$(over "$A")" > /dev/null
	echo live > "/mnt/overlay-${A##*/}/note"
	umount "/mnt/overlay-${A##*/}"
	overlay drop "$A"
	expect_eq "$(blockdev --getro "$A")" 1 "it can be written to now"
	blockdev --setrw "$A"
}

full()
{
	note "a full one"
	overlay create "$A" --size 2M --dir "$folder"
	overlay status "$A" --dir "$folder"
	dd if=/dev/urandom of="$TMP/data" bs=1M count=4 status=none

	note "it warns of it before"
	dd if="$TMP/data" of="$(over "$A")" bs=64k count=27 oflag=direct status=none
	exits 1 overlay status "$A" --dir "$folder"
	says "^$(over "$A") +active +8[0-9.]+ %"
	complains 'is 8[0-9.]+ % full: make it larger with "dmsnap overlay extend", or its changes will be lost'
	if [ "$1" = ours ]; then exits 0 wait "overlay-${A##*/}" --fill 80 --timeout 20s; fi

	dd if="$TMP/data" of="$(over "$A")" bs=64k oflag=direct status=none 2> /dev/null &
	if [ "$1" = ours ]; then
		wait_until 20 sh -c "dmsetup message ${1:+overlay-${A##*/}} 0 stats | grep -q '^stalled 1'"
		exits 1 overlay status "$A" --dir "$folder"
		complains 'full: make it larger with "dmsnap overlay extend"'
		exits 2 overlay extend "$A" --size 1M --dir "$folder"
		overlay extend "$A" --size 8M --dir "$folder"
		wait "$!"
		cmp -n $((4 << 20)) "$TMP/data" "$(over "$A")"
	else
		wait "$!" || true
		exits 1 overlay status "$A" --dir "$folder"
		says 'invalid'
		exits 2 overlay keep "$A" --yes --dir "$folder"
	fi
	overlay drop "$A" --dir "$folder"
	nothing_left
}

bad_words()
{
	note "what cannot be"
	exits 2 overlay create "$A" --size 2G --dir "$folder"
	complains 'may need more than the .* that are free'
	overlay create "$A" --size 30M --dir "$folder"
	exits 2 overlay create "$B" --size 30M --dir "$folder"
	complains 'may need more than the .* that are free'
	overlay drop "$A" --dir "$folder"
	exits 2 overlay create "$A" "$B" "$A" --size 4M --dir "$folder"
	nothing_left
	exits 2 overlay create "$KEPT" --size 4M --dir "$folder"
	complains 'live: a mounted file system'
	overlay create "$A" --ram --size 4M
	overlay drop --all --dir "$folder"
	overlay status "$A"
	dmsetup suspend "overlay-${A##*/}"
	exits 1 overlay status "$A"
	says 'suspended'
	dmsetup resume "overlay-${A##*/}"
	exits 2 overlay create "$A" --ram --size 4M
	complains 'is there already: "overlay create --resume" or "overlay drop" it first'
	exits 2 overlay create /dev/nosuch --ram --size 4M
	complains 'nosuch'
	overlay drop "$A"
	nothing_left
	exits 2 overlay drop nosuch
	exits 2 overlay drop
	exits 2 overlay keep nosuch
}

modprobe loop
begin_overlays
drivers=(in-tree ours)
[ "$FULL" = yes ] || drivers=(ours)
for driver in "${drivers[@]}"; do
	note "--- $driver"
	load_module "$driver"
	lab_image
	raid5
	live_medium
	full "$driver"
done
bad_words
