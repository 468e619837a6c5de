# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: which table lines are accepted, and the messages about the others.

scenario "arguments: too few"
for args in "" "$ORG" "$ORG $COW" "$ORG $COW P"; do
	try "0 $S snapshot $args"
done

scenario "arguments: four and a count of features"
for args in 8 "8 0" "8 1" "8 2" "8 2 discard_zeroes_cow" "8 3" "8 3 a b c"; do
	try "0 $S snapshot $ORG $COW P $args"
done

scenario "features: the count is no number"
for count in x -1 +1 1x 01 '\ 1' '1\ ' 4294967296 4294967297; do
	try "0 $S snapshot $ORG $COW P 8 $count discard_zeroes_cow"
done

scenario "features: words"
for words in "1 discard_zeroes_cow" "1 DISCARD_ZEROES_COW" "1 discard_zeroes" "1 discard_zeroes_cow_" \
	"1 junk" "0 junk" "1 discard_passdown_origin" "2 discard_zeroes_cow discard_passdown_origin" \
	"2 Discard_Passdown_Origin Discard_Zeroes_COW" "2 discard_zeroes_cow discard_zeroes_cow" \
	"2 discard_passdown_origin discard_passdown_origin" "2 discard_zeroes_cow junk"; do
	try "0 $S snapshot $ORG $COW P 8 $words"
done

scenario "features: words behind the counted ones"
for words in "0 discard_zeroes_cow" "1 discard_zeroes_cow junk" "1 discard_zeroes_cow discard_passdown_origin" \
	"2 DISCARD_zeroes_cow discard_zeroes_cow junk" "2 discard_zeroes_cow discard_passdown_origin 1 2 3"; do
	try "0 $S snapshot $ORG $COW P 8 $words"
done

scenario "store type: P and its variants"
for type in P p PO po pO POx P0 Px PP persistent; do
	try "0 $S snapshot $ORG $COW $type 8"
done

scenario "store type: N and its variants"
for type in N n NO Nx nothing none; do
	try "0 $S snapshot $ORG $COW $type 8"
done

scenario "store type: neither"
for type in X O 0 8 - transient "''" '\ P'; do
	try "0 $S snapshot $ORG $COW $type 8"
done

scenario "store type and chunk size: which of two mistakes is told"
for args in "X 7" "Px 7" "Px 8" "X 8x" "N 0" "Px 0" "X 0"; do
	try "0 $S snapshot $ORG $COW $args"
done

scenario "chunk size: powers of 2"
for chunk in 1 2 8 64 2048 4096; do
	try "0 $S snapshot $ORG $COW P $chunk"
done

scenario "chunk size: powers of 2, N"
for chunk in 1 8 2048 32768 2097152; do
	try "0 $S snapshot $ORG $COW N $chunk"
done

scenario "chunk size: not a power of 2"
for chunk in 3 7 12 2097151 2097153; do
	try "0 $S snapshot $ORG $COW P $chunk"
done
for chunk in 3 7; do
	try "0 $S snapshot $ORG $COW N $chunk"
done

scenario "chunk size: too high"
for chunk in 4194304 8388608 1073741824 2147483648 4294967295 4294967296 18446744073709551615 \
	18446744073709551624; do
	try "0 $S snapshot $ORG $COW P $chunk"
done
for chunk in 4194304 4294967296; do
	try "0 $S snapshot $ORG $COW N $chunk"
done

scenario "chunk size: 0"
try "0 $S snapshot $ORG $COW P 0"
try "0 $S snapshot $ORG $COW PO 0"
try "0 $S snapshot $ORG $COW N 0"
try "0 $S snapshot $ORG $COW P 00"

scenario "chunk size: no number"
for chunk in x 8x 8. -8 + "''" 0x8; do
	try "0 $S snapshot $ORG $COW P $chunk"
done

scenario "chunk size: numbers with something around"
for chunk in +8 ++8 010 '\ 8' '8\ ' '+\ 8'; do
	try "0 $S snapshot $ORG $COW P $chunk"
done

scenario "chunk size: 4096-byte blocks of the COW device"
for chunk in 0 1 4 8 16; do
	try "0 $S snapshot $ORG $K4 P $chunk"
	try "0 $S snapshot $ORG $K4 N $chunk"
	blank "$K4"
done

scenario "chunk size: 4096-byte blocks of the origin"
for chunk in 0 1 4 8 16; do
	try "0 $S snapshot $K4 $COW P $chunk"
	try "0 $S snapshot $K4 $COW N $chunk"
done

scenario "chunk size: larger than the COW device allows"
for chunk in 8192 16384 32768; do
	try "0 $S snapshot $ORG $COW P $chunk"
done

scenario "devices: by path and by number"
try "0 $S snapshot $ORG $COW_N P 8"
try "0 $S snapshot $ORG_N $COW P 8"
try "0 $S snapshot $ORG_N $COW_N P 8"

scenario "devices: missing ones"
for device in /dev/nothing nothing /dev 250:250 1:2:3 /dev/null "$TMP/pattern.A"; do
	try "0 $S snapshot $ORG $device P 8"
done
for device in /dev/nothing 250:250 /dev/null; do
	try "0 $S snapshot $device $COW P 8"
	try "0 $S snapshot-origin $device"
done

scenario "devices: which of two missing ones is told"
try "0 $S snapshot /dev/no1 /dev/no2 P 8"
try "0 $S snapshot /dev/no1 /dev/no2 X 7"
try "0 $S snapshot $ORG /dev/no2 X 7"
try "0 $S snapshot /dev/no1 /dev/no2 P 8 1 junk"
try "0 $S snapshot /dev/no1 /dev/no2 P"

scenario "devices: the origin is the COW device, read-only"
x dmsetup create -r s --table "0 $S snapshot $ORG $ORG N 8"
x dmsetup create -r s --table "0 $S snapshot $ORG_N $ORG N 8"

scenario "devices: another holder"
slice below "$COW" "$S"
try "0 $S snapshot $ORG /dev/mapper/below P 8"
try "0 $S snapshot /dev/mapper/below $COW2 P 8"
try "0 $S snapshot $ORG $COW P 8"

scenario "devices: one COW device, two origins"
x dmsetup create s1 --table "0 $S snapshot $ORG $COW P 8"
x dmsetup create s2 --table "0 $S snapshot $COW2 $COW P 8"
line s1 s2

scenario "devices: the origin of one is the COW device of another"
x dmsetup create s1 --table "0 $S snapshot $ORG $COW P 8"
x dmsetup create s2 --table "0 $S snapshot $COW $COW2 P 8"
line s1 s2

scenario "devices: a snapshot of a snapshot"
x dmsetup create s1 --table "0 $S snapshot $ORG $COW P 8"
x dmsetup create s2 --table "0 $S snapshot /dev/mapper/s1 $COW2 P 8"
line s1 s2
x dmsetup remove s1
x dmsetup remove s2
x dmsetup remove s1

scenario "length: of the origin, shorter and longer"
for length in "$S" 8 1 $((S - 1)) $((S + 1)) $((S * 2)) 0; do
	try "0 $length snapshot $ORG $COW P 8"
done

scenario "read-only: table, blank COW device"
for type in P N; do
	x dmsetup create -r s --table "0 $S snapshot $ORG $COW $type 8"
	if [ "$RC" -eq 0 ]; then
		line s
		x put A /dev/mapper/s 0 8
		x dmsetup remove s
	fi
done
x show "$COW" 0 24

scenario "read-only: table, store with exceptions"
dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
put A /dev/mapper/s 0 8
dmsetup remove s
x dmsetup create -r s --table "0 $S snapshot $ORG $COW P 8"
line s
x show /dev/mapper/s 0 16
x put B /dev/mapper/s 0 8

scenario "read-only: devices"
slice ro "$COW" "$S"
dmsetup remove ro
dmsetup create -r ro --table "0 $S linear $COW 0"
try "0 $S snapshot $ORG /dev/mapper/ro P 8"
try "0 $S snapshot /dev/mapper/ro $COW2 P 8"
blank "$COW2"
try "0 $S snapshot-origin /dev/mapper/ro"
x dmsetup create -r s --table "0 $S snapshot $ORG /dev/mapper/ro P 8"

scenario "start: not at sector 0"
put A "$ORG" 0 8
put B "$ORG" 1024 8
try "1024 1024 snapshot $ORG $COW P 8"
x dmsetup create s --table "0 1024 zero
1024 1024 snapshot $ORG $COW P 8"
line s
x show /dev/mapper/s 1024 16
x put C /dev/mapper/s 1032 8
x show /dev/mapper/s 1024 32
x dmsetup status s

scenario "start: the origin not at sector 0"
put A "$ORG" 0 8
put B "$ORG" 1024 8
x dmsetup create o --table "0 1024 zero
1024 1024 snapshot-origin $ORG"
line o
x show /dev/mapper/o 1024 16
x put C /dev/mapper/o 1032 8
x show "$ORG" 1024 32

scenario "several targets: two snapshots in one table"
x dmsetup create s --table "0 1024 snapshot $ORG $COW P 8
1024 1024 snapshot $ORG $COW2 P 16"
line s
x put A /dev/mapper/s 0 8
x put B /dev/mapper/s 1024 8
x show /dev/mapper/s 0 2048
x dmsetup status s

scenario "several targets: one COW device twice in one table"
x dmsetup create s --table "0 1024 snapshot $ORG $COW P 8
1024 1024 snapshot $ORG $COW P 8"

scenario "several targets: the second is wrong"
x dmsetup create s --table "0 1024 snapshot $ORG $COW P 8
1024 1024 snapshot $ORG $COW2 X 8"
x dmsetup create s --table "0 1024 snapshot $ORG $COW P 8
1024 1024 nonsense"
try "0 $S snapshot $ORG $COW P 8"

scenario "origin: arguments"
try "0 $S snapshot-origin"
try "0 $S snapshot-origin $ORG"
try "0 $S snapshot-origin $ORG_N"
try "0 $S snapshot-origin $ORG $COW"
try "0 $S snapshot-origin $ORG 8 8 8"

scenario "origin: length"
for length in 8 1 $((S - 1)) $((S + 1)); do
	try "0 $length snapshot-origin $ORG"
done

scenario "names: targets that are none"
try "0 $S snapshots $ORG $COW P 8"
try "0 $S Snapshot $ORG $COW P 8"
try "0 $S snapshot-orig $ORG"

scenario "COW device: too small"
for sectors in 1 8 15 16 24; do
	slice tiny "$COW" "$sectors"
	for args in "P 8" "P 0" "N 8"; do
		try "0 $S snapshot $ORG /dev/mapper/tiny $args"
	done
	dmsetup remove tiny
done

scenario "store: not one"
put A "$COW" 0 8
try "0 $S snapshot $ORG $COW P 8"
put A "$COW" 0 8
try "0 $S snapshot $ORG $COW P 0"
put A "$COW" 0 8
try "0 $S snapshot $ORG $COW N 8"

scenario "store: zeros at its begin, then something"
put A "$COW" 1 8
try "0 $S snapshot $ORG $COW P 8"
put A "$COW" 8 24
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup status s
x show "$COW" 8 24
