# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the cases of "dmsnap overlay", on three disks of 24M and one of 64M.  A case sources
# this after lib.sh.
#
#   begin_overlays       makes a folder for the changes on the last disk
#   overlay ARGUMENTS... must exit with code 0
#   over DISK            prints the disk's overlay
#   nothing_left         there must be no device, loop device or file, and the disks be writable

. /job/vm/lib-dmsnap.sh

A=$(disk 0) B=$(disk 1) C=$(disk 2) KEPT=$(disk 3)
folder=/mnt/${KEPT##*/}/overlays
readonly A B C KEPT folder

begin_overlays()
{
	mkfs.ext4 -q "$KEPT"
	mount_at "$KEPT" > /dev/null
	mkdir "$folder"
}

overlay() { exits 0 overlay "$@"; }
over() { printf '/dev/mapper/overlay-%s\n' "${1##*/}"; }

nothing_left()
{
	local disk
	udevadm settle
	expect_eq "$(dmsetup ls)" "No devices found"
	expect_eq "$(losetup -n -l -O NAME)" ""
	expect_eq "$(ls "$folder")" ""
	for disk in "$A" "$B" "$C"; do
		expect_eq "$(blockdev --getro "$disk")" 0 "$disk is read-only"
	done
}
