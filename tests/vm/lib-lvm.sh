# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the guest tests with LVM2 (lvm-*.sh): files on the volume `origin` of the group `vg`,
# and the expected contents of each snapshot.  A case sources this after lib.sh.
#
#   lvm_make MB [DEVICE...]    the group on these (all disks of the guest), and the volume
#                              with ext4 and files, mounted below /mnt; made with the
#                              options in LVM_LAYOUT
#   lvm_files WHERE SEED       overwrites the files there
#   lvm_take NAME OPTIONS...   lvcreate -s; records the contents of the origin
#   lvm_check [NAME...]        mounts these snapshots (all taken); they must have the expected
#                              files
#   lvm_check_origin           the origin must have what lvm_files wrote last
#   lvm_forget NAME            the snapshot is not checked any more
#   lvm_rename NAME NEW        the snapshot has a new name
#   lv_field NAME FIELD        the output of lvs, without blanks
#
# A merge must be slow to be observed:
#
#   pv_make                    pv0 and pv1, for lvm_make, on the first two disks of the guest
#   pv_speed MS                delays each write of LVs there, but not the flushes.  A merge
#                              takes the time of four writes or more, as long as nothing else uses
#                              the origin
#
# The checksums are in $RESULTS, for later boots.

LVM_LAYOUT=()

lvm_make()
{
	local mb=$1 disks=() serial
	shift
	disks=("$@")
	for serial in /sys/block/vd*/serial; do
		if [ $# -eq 0 ] && [ -e "$serial" ] && [[ $(< "$serial") == disk* ]]; then
			serial=${serial%/serial}
			disks+=("/dev/${serial##*/}")
		fi
	done
	# This volume has no files of earlier cases in this boot
	rm -f "$RESULTS"/*.sums
	# Or udev would activate the group in a later boot before the right module is loaded
	vgcreate -q --setautoactivation n vg "${disks[@]}"
	lvcreate -q -y -n origin -L "${mb}M" "${LVM_LAYOUT[@]}" vg
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 -N 256 -J size=4 /dev/vg/origin
	mount_at /dev/vg/origin > /dev/null
	lvm_files /mnt/origin 1
}

lvm_files()
{
	local i
	for i in 1 2 3 4 5 6 7 8; do
		head -c "$(((i * 7919 + $2) * 23 % 200000 + 100000))" /dev/urandom > "$1/file-$i"
	done
	ln -f "$1/file-$((1 + $2 % 8))" "$1/link"
	sync -f "$1"
	lvm_sums "$1" > "$RESULTS/${1##*/}.sums"
}

lvm_sums()
{
	(cd "$1" && find . -type f ! -path './lost+found*' | LC_ALL=C sort | xargs sha256sum)
}

lvm_take()
{
	local name=$1
	shift
	lvcreate -q -s -n "$name" "$@" vg/origin
	cp "$RESULTS/origin.sums" "$RESULTS/$name.sums"
}

lvm_taken()
{
	local path
	for path in "$RESULTS"/*.sums; do
		path=${path##*/}
		[ "$path" = origin.sums ] || printf '%s\n' "${path%.sums}"
	done
}

lvm_check()
{
	local name
	if [ $# -eq 0 ]; then
		mapfile -t names < <(lvm_taken)
		set -- "${names[@]}"
	fi
	for name; do
		mount_at "/dev/vg/$name" ro > /dev/null
		diff "$RESULTS/$name.sums" <(lvm_sums "/mnt/$name") || fail "snapshot $name has other files"
		umount "/mnt/$name"
	done
}

lvm_check_origin()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
	diff "$RESULTS/origin.sums" <(lvm_sums /mnt/origin) || fail "the origin has other files"
}

lvm_forget()
{
	rm "$RESULTS/$1.sums"
}

lvm_rename()
{
	lvrename -q vg "$1" "$2"
	mv "$RESULTS/$1.sums" "$RESULTS/$2.sums"
}

lv_field()
{
	lvs --noheadings -o "$2" "vg/$1" | tr -d ' '
}

pv_make()
{
	dm_create pv0 "$(pv_table 0 0)"
	dm_create pv1 "$(pv_table 1 0)"
}

pv_table()
{
	local device
	device=$(disk "$1")
	# Not at the start of the disk, or LVM2 would find each PV twice
	echo "0 4096 linear $device 2048"
	if [ "$2" -eq 0 ]; then
		echo "4096 $(($(sectors "$device") - 6144)) linear $device 6144"
	else
		echo "4096 $(($(sectors "$device") - 6144)) delay $device 6144 0 $device 6144 $2 $device 6144 0"
	fi
}

pv_speed()
{
	dm_reload pv0 "$(pv_table 0 "$1")"
	dm_reload pv1 "$(pv_table 1 "$1")"
}
