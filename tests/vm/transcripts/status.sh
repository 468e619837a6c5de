# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: status and table lines, events and the log, from a fresh
# snapshot to one that is full.

SNAP=/dev/mapper/s ORIGIN=/dev/mapper/o

# Of ORG, in this order, because the resume of the origin needs the chunk size
pair()
{
	dmsetup create s --table "0 $S snapshot $ORG ${3:-$COW} $1 $2"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
}

for type in P PO N; do
	scenario "fresh: $type"
	for chunk in 8 16 128 2048; do
		x dmsetup create s --table "0 $S snapshot $ORG $COW $type $chunk"
		line s
		x dmsetup remove s
		blank "$COW"
	done
done

for type in P PO N; do
	scenario "written: $type"
	pair "$type" 16
	for at in 0 16 24 1600; do
		put A $ORIGIN "$at" 8
		x dmsetup status s
	done
	put B $ORIGIN 64 64
	x dmsetup status s
	put B $ORIGIN 0 8
	x dmsetup status s
	put C $SNAP 256 8
	x dmsetup status s
	put C $SNAP 320 32
	x dmsetup status s
	put C $SNAP 0 16
	x dmsetup status s
	line s
	x show $SNAP 0 400
	x show $ORIGIN 0 400
	dmsetup remove s
	x show "$ORG" 0 400
	x dmsetup create s --table "0 $S snapshot $ORG $COW $type 16"
	line s
	x show $SNAP 0 400
done

scenario "written: across an area's end"
pair P 1
put A $ORIGIN 0 31
x dmsetup status s
put A $ORIGIN 31 1
x dmsetup status s
put A $ORIGIN 32 1
x dmsetup status s
put A $ORIGIN 64 64
x dmsetup status s
dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG $COW P 0"
line s
put A $ORIGIN 512 40
x dmsetup status s
x show $SNAP 0 600

scenario "snapshot shorter than the origin"
dmsetup create s --table "0 1000 snapshot $ORG $COW P 16"
dmsetup create o --table "0 $S snapshot-origin $ORG"
for at in 0 992 1000 1008 1024 2048; do
	put A $ORIGIN "$at" 8
	x dmsetup status s
done
x show $SNAP 0 1000

scenario "chunk size: the store's own is used"
pair P 8
put A $ORIGIN 0 16
dmsetup remove o
dmsetup remove s
for args in "P 16" "P 0" "P 8" "PO 128"; do
	x dmsetup create s --table "0 $S snapshot $ORG $COW $args"
	line s
	x dmsetup remove s
done
x dmsetup create s --table "0 $S snapshot $ORG $COW N 16"
line s

scenario "two snapshots with their own chunk sizes"
dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
dmsetup create s2 --table "0 $S snapshot $ORG $COW2 P 64"
dmsetup create o --table "0 $S snapshot-origin $ORG"
put A $ORIGIN 0 8
x dmsetup status s
x dmsetup status s2
put A $ORIGIN 128 128
x dmsetup status s
x dmsetup status s2
put B /dev/mapper/s2 0 8
put C /dev/mapper/s 8 8
x show /dev/mapper/s 0 256
x show /dev/mapper/s2 0 256
x show $ORIGIN 0 256

# Room for the header, an area and eight chunks
for type in P PO N; do
	for how in origin snapshot; do
		scenario "full: $type, a write to the $how"
		slice cow "$COW" 80
		pair "$type" 8 /dev/mapper/cow
		target=$ORIGIN
		if [ "$how" = snapshot ]; then
			target=$SNAP
		fi
		for at in 0 8 16 24 32 40 48 56 64 72; do
			x put A "$target" "$at" 8
		done
		line s
		x put B "$target" 80 8
		x put B "$target" 0 8
		x put C $SNAP 0 8
		x put C $SNAP 800 8
		x show $SNAP 0 96
		x put D $ORIGIN 88 8
		x show $ORIGIN 0 96
		line s
		x dmsetup remove s
		x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow $type 8"
		line s
		x show $SNAP 0 96
	done
done

scenario "full: PO, by a write to the snapshot, then one to the origin"
slice cow "$COW" 32
pair PO 8 /dev/mapper/cow
x put A $SNAP 0 8
x put A $SNAP 8 8
x put A $SNAP 16 8
line s
x put B $ORIGIN 32 8
line s
x show $SNAP 0 40

scenario "full: the last entry of an area, and no chunk for the next one"
slice cow "$COW" 34
pair P 1 /dev/mapper/cow
put A $ORIGIN 0 31
x dmsetup status s
x put B $ORIGIN 31 1
line s
x show $ORIGIN 0 40

scenario "full: the last entry of an area, and one chunk more"
slice cow "$COW" 35
pair P 1 /dev/mapper/cow
put A $ORIGIN 0 32
line s
x put B $ORIGIN 32 1
line s
x show $ORIGIN 0 40

scenario "the COW device grows"
slice cow "$COW" 32
pair P 8 /dev/mapper/cow
put A $ORIGIN 0 16
x dmsetup status s
dmsetup load cow --table "0 64 linear $COW 0"
dmsetup resume cow
x dmsetup status s
put A $ORIGIN 16 8
x dmsetup status s
x put A $ORIGIN 32 32
line s

scenario "the COW device grows, PO full"
slice cow "$COW" 24
pair PO 8 /dev/mapper/cow
x put A $SNAP 0 8
x put A $SNAP 8 8
dmsetup load cow --table "0 64 linear $COW 0"
dmsetup resume cow
x dmsetup status s
x put A $SNAP 16 8
x put A $SNAP 0 8
line s
x dmsetup suspend s
x dmsetup resume s
x put A $SNAP 16 8

scenario "the COW device shrinks"
pair P 8
put A $ORIGIN 0 64
dmsetup remove o
dmsetup remove s
slice cow "$COW" 128
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
line s

scenario "writing to the COW device fails"
slice cow "$COW" 4096
pair P 8 /dev/mapper/cow
put A $ORIGIN 0 8
dmsetup load cow --table "0 4096 error"
dmsetup resume cow
x put B $ORIGIN 8 8
line s
x show $ORIGIN 0 24
x put B $ORIGIN 16 8
x put C $SNAP 0 8
dmsetup load cow --table "0 4096 linear $COW 0"
dmsetup resume cow
x show $SNAP 0 8
x dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
line s

scenario "reading the origin fails"
slice org "$ORG" 4096
dmsetup create s --table "0 4096 snapshot /dev/mapper/org $COW P 8"
dmsetup create o --table "0 4096 snapshot-origin /dev/mapper/org"
dmsetup load org --table "0 8 linear $ORG 0
8 4088 error"
dmsetup resume org
x put A $ORIGIN 0 8
x dmsetup status s
x put A $ORIGIN 8 8
line s
x dmsetup remove s
x dmsetup create s --table "0 4096 snapshot /dev/mapper/org $COW P 8"
line s

scenario "reading the COW device fails on activation"
slice cow "$COW" 4096
pair P 8 /dev/mapper/cow
dmsetup remove o
dmsetup remove s
dmsetup load cow --table "0 8 linear $COW 0
8 4088 error"
dmsetup resume cow
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
dmsetup load cow --table "0 4096 error"
dmsetup resume cow
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow N 8"
line s

scenario "marked invalid on the disk"
printf 'SnAp\0\0\0\0\1\0\0\0\10\0\0\0' | dd of="$COW" conv=notrunc status=none oflag=direct bs=512 conv=sync
x dmsetup create s --table "0 $S snapshot $ORG $COW P 16"
line s
x show $SNAP 0 8
x put A $SNAP 0 8
x dmsetup suspend s
x dmsetup resume s
line s
