# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: the structure of a persistent store on its COW device.  The driver may
# choose which chunk holds which data.

ORIGIN=/dev/mapper/o

# words DEVICE BYTE COUNT SIZE: prints unsigned numbers from there on
words()
{
	# The device itself, not the page cache
	dd if="$1" bs=4096 count=$((($2 % 4096 + $3 * $4 + 4095) / 4096)) skip=$(($2 / 4096)) iflag=direct status=none |
		od -An -v -w"$4" -t "u$4" -j $(($2 % 4096)) -N $(($3 * $4))
}

# stored DEVICE: prints the header, and the chunks of the origin on its list, in order
stored()
{
	local header entries slots area slot chunks=() bytes
	mapfile -t header < <(words "$1" 0 4 4)
	echo "magic ${header[0]// /} valid ${header[1]// /} version ${header[2]// /} chunk ${header[3]// /}"
	bytes=$((header[3] * 512))
	slots=$((bytes / 16))
	for ((area = 0; ; area++)); do
		mapfile -t entries < <(words "$1" $((bytes * (1 + area * (slots + 1)))) $((2 * slots)) 8)
		for ((slot = 0; slot < slots; slot++)); do
			[ "${entries[2 * slot + 1]}" -ne 0 ] || break 2
			chunks+=("${entries[2 * slot]// /}")
		done
	done
	echo "${#chunks[@]} chunks: $(printf '%s\n' "${chunks[@]}" | sort -n | tr '\n' ' ')"
}

start()
{
	dmsetup create s --table "0 $S snapshot $ORG $COW ${1:-P} ${2:-8}"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
}

# Removed, so that everything is on disk
finish()
{
	x dmsetup remove s
	x stored "$COW"
	x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
	x dmsetup status s
	x show /dev/mapper/s 0 320
}

for size in 1 2 8 32 256 2048; do
	scenario "store: a new one, chunks of $size sectors"
	start P "$size"
	x dmsetup remove s
	x words "$COW" 0 4 4
done

scenario "store: of a new one only the header and an area are written"
put A "$COW" 0 2048
dd if=/dev/zero of="$COW" bs=4096 count=1 oflag=direct status=none
start
x dmsetup remove s
x show "$COW" 0 24

scenario "store: writes to the origin"
start
x put A $ORIGIN 0 8
x put B $ORIGIN 100 300
x put C $ORIGIN 16380 4
finish

scenario "store: writes to the snapshot"
start
x put A /dev/mapper/s 0 8
x put B /dev/mapper/s 100 200
x put C /dev/mapper/s 16380 4
finish

scenario "store: writes to both, one after the other"
start
x put A $ORIGIN 0 64
x put B /dev/mapper/s 32 64
x put C $ORIGIN 64 64
x put D /dev/mapper/s 8 3
finish

scenario "store: the same chunks again add nothing"
start
for letter in A B C; do
	x put "$letter" $ORIGIN 8 16
	x put "$letter" /dev/mapper/s 16 16
done
finish

for size in 1 2 4; do
	scenario "store: more than one area, chunks of $size sectors"
	start P "$size"
	x put A $ORIGIN 0 $((size * 40))
	x put B /dev/mapper/s 400 $((size * 60))
	finish
done

scenario "store: areas full to the last slot, and one more"
start P 1
for count in 31 32 33 63 64 65; do
	x put A $ORIGIN 0 "$count"
	x dmsetup status s
done
finish

scenario "store: invalid when it was full"
slice c "$COW" 80
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/c P 8"
dmsetup create o --table "0 $S snapshot-origin $ORG"
x put A $ORIGIN 0 128
x dmsetup status s
x dmsetup remove s
x words "$COW" 0 4 4
x dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/c P 8"
x dmsetup status s

scenario "store: overflowed, it is valid and has what it had"
slice c "$COW" 80
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/c PO 8"
x put A /dev/mapper/s 0 64
x put B /dev/mapper/s 64 64
x dmsetup status s
x dmsetup remove s
x stored "$COW"

scenario "store: after a merge"
start
x put A $ORIGIN 0 64
x put B /dev/mapper/s 32 64
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "0 $S snapshot-merge $ORG $COW P 8"
wait_until 300 merge_over m
[[ $(dmsetup status m) = */* ]] || fail "the merge has failed"
x dmsetup remove m
x stored "$COW"

scenario "store: transient, nothing is written that lasts"
start N
x put A $ORIGIN 0 8
x dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG $COW N 8"
x dmsetup status s
x show /dev/mapper/s 0 64

scenario "store: made by one type, loaded by the other"
start PO
x put A $ORIGIN 0 8
x dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup status s
x dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG $COW N 8"
x dmsetup status s
x show /dev/mapper/s 0 16

scenario "store: with the origin grown since"
slice b "$ORG" 8192
dmsetup create s --table "0 8192 snapshot /dev/mapper/b $COW P 8"
dmsetup create o --table "0 8192 snapshot-origin /dev/mapper/b"
x put A $ORIGIN 8184 8
x dmsetup suspend o
x dmsetup suspend s
dmsetup load b --table "0 $S linear $ORG 0"
dmsetup resume b
x dmsetup load o --table "0 $S snapshot-origin /dev/mapper/b"
x dmsetup load s --table "0 $S snapshot /dev/mapper/b $COW P 8"
x dmsetup resume s
x dmsetup resume o
x put B $ORIGIN 8192 8
x put C $ORIGIN 16376 8
x dmsetup status s
x show /dev/mapper/s 8176 32
x dmsetup remove s
x stored "$COW"

scenario "store: with the origin shrunk since"
slice b "$ORG" 8192
dmsetup create s --table "0 8192 snapshot /dev/mapper/b $COW P 8"
dmsetup create o --table "0 8192 snapshot-origin /dev/mapper/b"
x put A $ORIGIN 0 8
x dmsetup remove s
x dmsetup remove o
dmsetup load b --table "0 4096 linear $ORG 0"
dmsetup resume b
x dmsetup create s --table "0 4096 snapshot /dev/mapper/b $COW P 8"
x dmsetup status s
x show /dev/mapper/s 0 16
