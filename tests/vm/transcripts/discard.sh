# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: limits of the queues, and what a discard does.

limits()
{
	local name path
	for name; do
		path=$(readlink -f "/dev/mapper/$name")
		if [ ! -e "/sys/block/${path##*/}" ]; then
			path=dm-$(dmsetup info -c --noheadings -o minor "$name")
		fi
		x grep -rs . "/sys/block/${path##*/}/queue" --exclude=nr_requests --exclude=wbt_lat_usec
	done
}

# shellcheck disable=SC2034 # read by their names
plain="" zero=" 1 discard_zeroes_cow" down=" 2 discard_zeroes_cow discard_passdown_origin"

start()
{
	dmsetup create s --table "0 $S snapshot $ORG ${2:-$COW} P 16$1"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	put A /dev/mapper/o 0 128
	put B /dev/mapper/s 0 32
	put B /dev/mapper/s 64 32
}

contents()
{
	x show /dev/mapper/s 0 192
	x show /dev/mapper/o 0 192
	x dmsetup status s
}

played=(plain zero down)
if in_tree_oopses "$zero"; then played=(plain); fi

for features in "${played[@]}"; do
	scenario "limits: $features"
	start "${!features}"
	limits s o
done

scenario "limits: origin with blocks of 4096 bytes"
dmsetup create s --table "0 $S snapshot $K4 $COW P 2048$zero"
dmsetup create o --table "0 $S snapshot-origin $K4"
limits s o

for features in "${played[@]}"; do
	scenario "discard: whole chunks, $features"
	start "${!features}"
	x blkdiscard -o 0 -l 16384 /dev/mapper/s
	contents
	x blkdiscard -o 65536 -l 16384 /dev/mapper/s
	contents

	scenario "discard: parts of chunks, $features"
	start "${!features}"
	x blkdiscard -o 4096 -l 8192 /dev/mapper/s
	contents
	x blkdiscard -o 512 -l 512 /dev/mapper/s
	contents

	scenario "discard: everything, $features"
	start "${!features}"
	x blkdiscard /dev/mapper/s
	contents
	put C /dev/mapper/s 0 16
	contents
	dmsetup remove s
	x dmsetup create s --table "0 $S snapshot $ORG $COW P 16"
	contents
done

if in_tree_oopses "$zero"; then return; fi

scenario "limits: COW device with blocks of 4096 bytes"
dmsetup create s --table "0 $S snapshot $ORG $K4 P 16$zero"
limits s

scenario "discard: the origin"
start "$zero"
x blkdiscard -o 0 -l 16384 /dev/mapper/o
x blkdiscard -z -o 16384 -l 16384 /dev/mapper/o
contents

scenario "discard: zeroes to the snapshot"
start "$zero"
x blkdiscard -z -o 0 -l 16384 /dev/mapper/s
x blkdiscard -z -o 131072 -l 16384 /dev/mapper/s
contents

scenario "discard: secure erase"
start "$zero"
x blkdiscard -s -o 0 -l 16384 /dev/mapper/s
x blkdiscard -s -o 0 -l 16384 /dev/mapper/o

scenario "discard: an invalid snapshot"
slice cow "$COW" 96
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 16$zero"
dmsetup create o --table "0 $S snapshot-origin $ORG"
for at in 0 16 32 48 64 80; do
	put A /dev/mapper/o "$at" 8
done
x dmsetup status s
x blkdiscard -o 0 -l 8192 /dev/mapper/s

scenario "discard: an overflowed snapshot"
slice cow "$COW" 64
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow PO 16$down"
for at in 0 16 32; do
	x put A /dev/mapper/s "$at" 16
done
x dmsetup status s
x blkdiscard -o 0 -l 8192 /dev/mapper/s
x show /dev/mapper/s 0 48
