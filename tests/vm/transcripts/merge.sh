# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: the target snapshot-merge: its table lines and status, which merge may
# begin when, and what it leaves.

ORIGIN=/dev/mapper/o

merge_of()
{
	printf '0 %s snapshot-merge %s %s %s %s' "$S" "$ORG" "$1" "${2:-P}" "${3:-8}"
}

# A snapshot on $1 named $2, and an origin above, with something to merge in it
start()
{
	dmsetup create "${2:-s}" --table "0 $S snapshot $ORG ${1:-$COW} ${3:-P} ${4:-8}"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	x put A $ORIGIN 0 8
	x put B "/dev/mapper/${2:-s}" 16 8
	x put C $ORIGIN 100 200
}

# merged NAME: waits until it is merged, or has failed
merged()
{
	wait_until 300 merge_over "$1"
	x dmsetup status "$1"
	x dmsetup table "$1"
	x show "/dev/mapper/$1" 0 320
	x show "$ORG" 0 320
}

scenario "merge: table lines"
x dmsetup create m --table "0 $S snapshot-merge"
x dmsetup create m --table "0 $S snapshot-merge $ORG $COW P"
for words in "N 8" "n 0" "X 8" "P 7" "P 3" "P 4194304" "PX 8" "P 8 1" "P 8 1 junk" "P 8 1 discard_passdown_origin" \
	"P 8 3 discard_zeroes_cow" "P x"; do
	x dmsetup create m --table "0 $S snapshot-merge $ORG $COW $words"
done
x dmsetup create m --table "0 $S snapshot-merge $ORG /dev/no-such P 8"
x dmsetup create m --table "0 $S snapshot-merge /dev/no-such $COW P 8"

# The in-tree driver then uses freed memory, which a debug kernel reports
if [[ $(uname -r) != *-dmsnap-* ]]; then
	scenario "merge: the origin is the COW device"
	x dmsetup create m --table "0 $S snapshot-merge $ORG $ORG P 8"
fi

scenario "merge: words that are taken"
for words in "P 8" "p 16" "PO 8" "po 0" "Pomme 8" "P 8 1 discard_zeroes_cow" \
	"P 8 2 discard_zeroes_cow discard_passdown_origin"; do
	x dmsetup create m --table "0 $S snapshot-merge $ORG $COW $words"
	if [ "$RC" -eq 0 ]; then
		x dmsetup table m
		x dmsetup status m
		x dmsetup remove m
	fi
	blank "$COW"
done

scenario "merge: of a store with nothing in it"
x dmsetup create m --table "$(merge_of "$COW")"
merged m
x put D /dev/mapper/m 40 8
x show "$ORG" 0 64

scenario "merge: by activation"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "$(merge_of "$COW")"
merged m
x put D /dev/mapper/m 40 8
x show "$ORG" 0 64
x dmsetup remove m
x dmsetup create m --table "$(merge_of "$COW")"
merged m
# An empty store is left
x dmsetup remove m
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup status s
x show /dev/mapper/s 0 320

scenario "merge: chunk size of the store and of the table"
start "$COW" s P 16
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "$(merge_of "$COW" P 8)"
merged m

scenario "merge: not a store, an invalid one"
dd if=/dev/zero bs=512 count=1 status=none | tr '\0' x | dd of="$COW" oflag=direct status=none
x dmsetup create m --table "$(merge_of "$COW")"
blank "$COW"
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup remove s
# Around the page cache, which would write it again later
dd if="$COW" of="$TMP/header" bs=512 count=1 iflag=direct status=none
printf '\0' | dd of="$TMP/header" bs=1 seek=4 conv=notrunc status=none
dd if="$TMP/header" of="$COW" bs=512 oflag=direct status=none
x dmsetup create m --table "$(merge_of "$COW")"
x dmsetup status m
x put D /dev/mapper/m 40 8
x show /dev/mapper/m 0 64
x show "$ORG" 0 64

scenario "merge: handover in LVM2's order"
start
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup table --inactive o
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume o
x dmsetup status s
x dmsetup resume s
x show /dev/mapper/s 0 8
x dmsetup remove s
merged o

scenario "merge: handover to a device of its own"
start
x dmsetup create m --notable
x dmsetup load m --table "$(merge_of "$COW")"
x dmsetup suspend s
x dmsetup suspend o
x dmsetup resume m
x dmsetup remove s
x dmsetup remove o
merged m

scenario "merge: the source is not suspended"
start
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup suspend o
x dmsetup resume o
x dmsetup suspend s
x dmsetup resume o
x dmsetup remove s
merged o

scenario "merge: the source is resumed first"
start
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume s
x dmsetup resume o
x dmsetup remove s
merged o

scenario "merge: the source is removed first"
start
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup suspend o
x dmsetup remove s
x dmsetup resume o
x dmsetup status o
x dmsetup table o
x put D $ORIGIN 40 8
x show $ORIGIN 0 64

scenario "merge: handover of a transient store"
start "$COW" s N
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup load o --table "$(merge_of "$COW" N)"
x dmsetup status s

scenario "merge: two on one COW device"
start
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup create m --notable
x dmsetup load m --table "$(merge_of "$COW")"
x dmsetup clear o
x dmsetup load m --table "$(merge_of "$COW")"

scenario "merge: one that merges is loaded once more"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "$(merge_of "$COW")"
merged m
x dmsetup load m --table "$(merge_of "$COW")"
x dmsetup load m --table "0 $S snapshot-origin $ORG"
x dmsetup resume m
x dmsetup table m
x show /dev/mapper/m 0 320

scenario "merge: another snapshot by handover meanwhile"
start
dmsetup suspend o
dmsetup create t --table "0 $S snapshot $ORG $COW2 P 8"
dmsetup resume o
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume o
x dmsetup remove s
merged o
x dmsetup create m --notable
x dmsetup load m --table "$(merge_of "$COW2")"
x dmsetup status t
x show /dev/mapper/t 0 320

scenario "merge: another snapshot keeps its view"
start
dmsetup suspend o
dmsetup create t --table "0 $S snapshot $ORG $COW2 P 16"
dmsetup resume o
x show /dev/mapper/t 0 320
x dmsetup load o --table "$(merge_of "$COW")"
x dmsetup suspend o
x dmsetup suspend s
x dmsetup resume o
x dmsetup remove s
merged o
x show /dev/mapper/t 0 320
x put D $ORIGIN 300 8
x show /dev/mapper/t 0 320
x dmsetup status t

scenario "merge: suspended and resumed, removed in between"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "$(merge_of "$COW")"
x dmsetup suspend m
x dmsetup resume m
x dmsetup suspend m
x dmsetup remove m
x dmsetup create m --table "$(merge_of "$COW")"
merged m

scenario "merge: read-only"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create -r m --table "$(merge_of "$COW")"
x dmsetup status m

scenario "merge: a shorter target"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "0 1024 snapshot-merge $ORG $COW P 8"
merged m

scenario "merge: the end of the COW device is gone"
start
x dmsetup remove s
x dmsetup remove o
slice c "$COW" 64
x dmsetup create m --table "$(merge_of /dev/mapper/c)"

scenario "merge: the COW device cannot be read"
slice c "$COW" "$S"
start /dev/mapper/c
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --notable
x dmsetup load m --table "$(merge_of /dev/mapper/c)"
dmsetup load c --table "0 16 linear $COW 0
16 $((S - 16)) error"
dmsetup resume c
x dmsetup resume m
wait_until 300 merge_over m
x dmsetup status m
x put D /dev/mapper/m 400 8
x show "$ORG" 400 8
dmsetup load c --table "0 $S linear $COW 0"
dmsetup resume c
x dmsetup suspend m
x dmsetup resume m
wait_until 300 merge_over m
x show "$ORG" 0 320

scenario "merge: the origin cannot be written"
slice b "$ORG" "$S"
ORG_ON_DISK=$ORG
ORG=/dev/mapper/b
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --notable
x dmsetup load m --table "$(merge_of "$COW")"
dmsetup load b --table "0 $S error"
dmsetup resume b
x dmsetup resume m
wait_until 300 merge_over m
x dmsetup status m
dmsetup load b --table "0 $S linear $ORG_ON_DISK 0"
dmsetup resume b
x show /dev/mapper/m 0 320
ORG=$ORG_ON_DISK

scenario "merge: events"
start
x dmsetup remove s
x dmsetup remove o
x dmsetup create m --table "$(merge_of "$COW")"
merged m
x dmsetup info -c --noheadings -o name,events,suspended,readonly m
