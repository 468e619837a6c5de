# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: origin and snapshots are created and removed in any order, and the other
# commands of dmsetup.

start()
{
	dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	put A /dev/mapper/o 0 8
}

scenario "origin without a snapshot"
x dmsetup create o --table "0 $S snapshot-origin $ORG"
line o
x put A /dev/mapper/o 0 8
x show /dev/mapper/o 0 16
x dmsetup suspend o
line o
x dmsetup resume o
x put A /dev/mapper/o 8 8
x dmsetup remove o

scenario "origin before its snapshot"
dmsetup create o --table "0 $S snapshot-origin $ORG"
put A /dev/mapper/o 0 8
x dmsetup suspend o
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup resume o
put B /dev/mapper/o 0 8
x show /dev/mapper/s 0 16
line o s

scenario "origin: two on one device"
start
x dmsetup create o2 --table "0 $S snapshot-origin $ORG"
line o o2
put B /dev/mapper/o2 8 8
put B /dev/mapper/o 16 8
line s
x dmsetup remove o
put B /dev/mapper/o2 24 8
x show /dev/mapper/s 0 40
line s

scenario "origin: reloaded"
start
x dmsetup load o --table "0 $S snapshot-origin $ORG"
x dmsetup resume o
put B /dev/mapper/o 8 8
line o s
x dmsetup load o --table "0 $S linear $ORG 0"
x dmsetup resume o
put C /dev/mapper/o 16 8
x dmsetup load o --table "0 $S snapshot-origin $ORG"
x dmsetup resume o
put D /dev/mapper/o 24 8
line s
x show /dev/mapper/s 0 40

scenario "origin: read-only"
x dmsetup create -r o --table "0 $S snapshot-origin $ORG"
line o
x put A /dev/mapper/o 0 8

scenario "origin removed before its snapshot"
start
x dmsetup remove o
line s
put B "$ORG" 8 8
x show /dev/mapper/s 0 24
x put C /dev/mapper/s 0 8
x dmsetup remove s

scenario "snapshots removed in the order they were made"
start
dmsetup create s2 --table "0 $S snapshot $ORG $COW2 P 16"
put B /dev/mapper/o 16 8
x dmsetup remove s
put C /dev/mapper/o 32 8
line s2
x dmsetup remove s2
put D /dev/mapper/o 48 8
x dmsetup remove o

scenario "snapshot: suspended and resumed twice"
start
x dmsetup suspend s
x dmsetup suspend s
line s
put B /dev/mapper/o 8 8
line s
x dmsetup resume s
x dmsetup resume s
x show /dev/mapper/s 0 24
line s

scenario "snapshot: removed while suspended"
start
put C /dev/mapper/s 32 8
dmsetup suspend s
x dmsetup remove s
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
line s
x show /dev/mapper/s 0 48

scenario "snapshot: loaded, not resumed"
dmsetup create o --table "0 $S snapshot-origin $ORG"
x dmsetup create s --notable
x dmsetup load s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup table s
x dmsetup table --inactive s
x dmsetup status --inactive s
put A /dev/mapper/o 0 8
x dmsetup status --inactive s
x dmsetup resume s
x show /dev/mapper/s 0 16
line s

scenario "snapshot: loaded, then removed"
x dmsetup create s --notable
x dmsetup load s --table "0 $S snapshot $ORG $COW P 8"
x dmsetup remove s
x show "$COW" 0 24

scenario "suspend without flushing, without freezing"
start
x dmsetup suspend --noflush s
x dmsetup resume s
x dmsetup suspend --nolockfs o
x dmsetup resume o
x dmsetup suspend --noflush --nolockfs o
put B /dev/mapper/s 8 8
x dmsetup resume --noflush o
x show /dev/mapper/s 0 24

scenario "reload that the in-tree driver's users fear: bigger origin"
slice org "$ORG" 1024
dmsetup create s --table "0 1024 snapshot /dev/mapper/org $COW P 8"
dmsetup create o --table "0 1024 snapshot-origin /dev/mapper/org"
put A /dev/mapper/o 0 8
dmsetup suspend o
dmsetup load org --table "0 2048 linear $ORG 0"
dmsetup resume org
x dmsetup load o --table "0 2048 snapshot-origin /dev/mapper/org"
x dmsetup resume o
line o s
put B /dev/mapper/o 1536 8
line s
x show /dev/mapper/s 0 1024

scenario "info, deps, ls, names"
start
x dmsetup info s
x dmsetup info -c --noheadings -o name,segments,open,attr s o
x dmsetup deps s
x dmsetup deps o
x dmsetup ls --target snapshot
x dmsetup ls --target snapshot-origin
x dmsetup table --target snapshot
x dmsetup rename s t
line t
x dmsetup mangle t

scenario "messages"
start
x dmsetup message s 0 hello
x dmsetup message o 0 hello
x dmsetup message s 0 ""
x dmsetup message s 99999999 hello
x dmsetup message s 0 @cancel_deferred_remove

wait_for_waiter()
{
	wait "$waiter"
}

scenario "events: wait for an invalidation"
slice cow "$COW" 24
dmsetup create s --table "0 $S snapshot $ORG /dev/mapper/cow P 8"
dmsetup create o --table "0 $S snapshot-origin $ORG"
dmsetup wait s 0 > "$TMP/waited" 2>&1 &
waiter=$!
put A /dev/mapper/o 0 8
put A /dev/mapper/o 8 8
put A /dev/mapper/o 16 8
x wait_for_waiter
x cat "$TMP/waited"
line s
x timeout 5 dmsetup wait s 0

scenario "wipe, and remove by force"
start
x dmsetup wipe_table s
line s
x dmsetup create t --table "0 $S snapshot $ORG $COW P 8"
x dmsetup remove --force t
x dmsetup remove --force o

scenario "open while removed"
start
exec 7< /dev/mapper/s
x dmsetup remove s
x dmsetup remove --deferred s
line s
exec 7<&-
sleep 0.3
x dmsetup info -c --noheadings -o name s

scenario "versions of the targets"
x sh -c "dmsetup targets | grep ^snapshot"
