# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: a store is handed over from one table to another, in the right order
# and in wrong ones.

ORIGIN=/dev/mapper/o

# The table with which everything starts
table="0 $S snapshot $ORG $COW P 8"

start()
{
	dmsetup create s --table "${1:-$table}"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	x put A $ORIGIN 0 8
	x put B /dev/mapper/s 16 8
}

# A device with the same store: its table is loaded, not resumed
second()
{
	x dmsetup create "${2:-d}" --notable
	x dmsetup load "${2:-d}" --table "${1:-$table}"
}

contents()
{
	local name
	for name; do
		x show "/dev/mapper/$name" 0 32
	done
	x show $ORIGIN 0 32
}

scenario "reload: the same table"
start
x dmsetup load s --table "$table"
x dmsetup table --inactive s
line s
x dmsetup suspend s
line s
x dmsetup resume s
line s
x put C $ORIGIN 24 8
contents s
line s

scenario "reload: resume without a suspend before"
start
for round in 1 2 3; do
	x dmsetup load s --table "$table"
	x dmsetup resume s
	x put C $ORIGIN $((round * 64)) 8
	line s
done
contents s

scenario "reload: with the origin suspended, as LVM2 does"
start
x dmsetup load s --table "$table"
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume s
x dmsetup resume o
line s o
x put C $ORIGIN 24 8
contents s

scenario "reload: chunk size, type and features of the new table"
start
for args in "P 16" "P 0" "PO 8" "P 8 1 discard_zeroes_cow" "P 8"; do
	x dmsetup load s --table "0 $S snapshot $ORG $COW $args"
	x dmsetup resume s
	line s
done
contents s

scenario "reload: to N, and back"
start
x dmsetup load s --table "0 $S snapshot $ORG $COW N 8"
x dmsetup resume s
line s
x put C $ORIGIN 24 8
contents s
x dmsetup load s --table "$table"
x dmsetup resume s
line s
contents s

scenario "reload: N"
start "0 $S snapshot $ORG $COW N 8"
x dmsetup load s --table "0 $S snapshot $ORG $COW N 8"
x dmsetup resume s
line s
x put C $ORIGIN 24 8
contents s

scenario "reload: another length"
start
x dmsetup load s --table "0 1024 snapshot $ORG $COW P 8"
x dmsetup resume s
line s
contents s
x put C $ORIGIN 1016 16
line s

scenario "reload: wrong tables leave the old one"
start
x dmsetup load s --table "0 $S snapshot $ORG $COW X 8"
x dmsetup load s --table "0 $S snapshot $ORG $COW P 7"
x dmsetup load s --table "0 $S snapshot $ORG /dev/nothing P 8"
x dmsetup load s --table "0 $S snapshot $ORG $COW P 8 1 junk"
line s
contents s

scenario "reload: another COW device"
start
x dmsetup load s --table "0 $S snapshot $ORG $COW2 P 16"
x dmsetup resume s
line s
x put C $ORIGIN 24 8
contents s

scenario "reload: another origin, the same COW device"
start
x dmsetup load s --table "0 $S snapshot $COW2 $COW P 8"
line s
x dmsetup clear s

scenario "reload: cleared"
start
x dmsetup load s --table "$table"
x dmsetup clear s
line s
x put C $ORIGIN 24 8
contents s

scenario "reload: loaded twice"
start
x dmsetup load s --table "$table"
x dmsetup load s --table "$table"
x dmsetup resume s
line s
contents s

scenario "reload: to another target and back"
start
for target in "linear $ORG 0" zero error; do
	x dmsetup load s --table "0 $S $target"
	x dmsetup resume s
	x dmsetup status s
	x dmsetup load s --table "$table"
	x dmsetup resume s
	line s
done
contents s

scenario "two devices: the right order"
start
second
x dmsetup table --inactive d
x dmsetup suspend s
x dmsetup resume d
line s d
contents d
x show /dev/mapper/d 0 8
x put C $ORIGIN 24 8
x put D /dev/mapper/d 32 8
x dmsetup remove s
line d
contents d

scenario "two devices: the right order, the source is used afterwards"
start
second
x dmsetup suspend s
x dmsetup resume d
x dmsetup resume s
line s d
x show /dev/mapper/s 0 8
x put C /dev/mapper/s 0 8
x put C $ORIGIN 24 8
contents d
x dmsetup load s --table "$table"
x dmsetup remove d
line s

scenario "two devices: and back again"
start
second
x dmsetup suspend s
x dmsetup resume d
x dmsetup load s --table "$table"
x dmsetup suspend d
x dmsetup resume s
line s d
contents s

scenario "two devices: the source is not suspended"
start
second
x dmsetup resume d
line s d
x put C $ORIGIN 24 8
contents s
x dmsetup suspend s
x dmsetup resume d
line s d
contents d

scenario "two devices: created in one go, the source is not suspended"
start
x dmsetup create d --table "$table"
line s
contents s

scenario "two devices: the source is resumed first"
start
second
x dmsetup suspend s
x dmsetup resume s
line s d
x dmsetup resume d
line s d
contents d

scenario "two devices: the source is removed before the handover"
start
second
x dmsetup remove s
x dmsetup table --inactive d
x dmsetup resume d
line d
x show /dev/mapper/d 0 8
x put C /dev/mapper/d 0 8
x put C $ORIGIN 24 8
line d
x dmsetup remove d
x dmsetup create s --table "$table"
line s
contents s

scenario "two devices: the source is removed suspended"
start
second
x dmsetup suspend s
x dmsetup remove s
x dmsetup resume d
line d

scenario "two devices: the source gets another table before the handover"
start
second
x dmsetup load s --table "0 $S zero"
x dmsetup resume s
x dmsetup resume d
line d

scenario "two devices: the destination is removed"
start
second
x dmsetup remove d
x dmsetup suspend s
x dmsetup resume s
line s
x put C $ORIGIN 24 8
contents s

scenario "two devices: a third one"
start
second
second "$table" e
x dmsetup create f --table "$table"
x dmsetup suspend s
x dmsetup resume d
second "$table" g
line s d
x dmsetup remove s
x dmsetup load g --table "$table"
x dmsetup suspend d
x dmsetup resume g
line d g
contents g

scenario "two devices: both only loaded"
x dmsetup create s --notable
x dmsetup load s --table "$table"
second
x dmsetup resume s
line s
second "$table" e

scenario "two devices: no origin target"
dmsetup create s --table "$table"
x put B /dev/mapper/s 16 8
second
x dmsetup suspend s
x dmsetup resume d
line s d
x show /dev/mapper/d 0 32

scenario "two devices: the origin is suspended"
start
second
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume d
x dmsetup resume o
line s d
x put C $ORIGIN 24 8
contents d

scenario "two devices: read-only destination"
start
x dmsetup create d --notable
x dmsetup load -r d --table "$table"
x dmsetup suspend s
x dmsetup resume d
line d
contents d
x put C $ORIGIN 24 8
contents d
x put D /dev/mapper/d 24 8

scenario "two devices: an invalid source"
slice cow "$COW" 24
start "0 $S snapshot $ORG /dev/mapper/cow P 8"
x dmsetup status s
second "0 $S snapshot $ORG /dev/mapper/cow P 8"
x dmsetup suspend s
x dmsetup resume d
line s d

scenario "two devices: an overflowed source"
slice cow "$COW" 32
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow PO 8"
dmsetup create o --table "0 $S snapshot-origin $ORG"
x put B /dev/mapper/s 0 8
x put B /dev/mapper/s 8 8
x put B /dev/mapper/s 16 8
x dmsetup status s
second "0 $S snapshot $ORG /dev/mapper/cow P 8"
x dmsetup suspend s
x dmsetup resume d
line s d
contents d

scenario "two devices: a destination that overflows"
slice cow "$COW" 32
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
x put B /dev/mapper/s 0 8
second "0 $S snapshot $ORG /dev/mapper/cow PO 8"
x dmsetup suspend s
x dmsetup resume d
x put B /dev/mapper/d 8 8
x put B /dev/mapper/d 16 8
x put B /dev/mapper/d 24 8
line s d
