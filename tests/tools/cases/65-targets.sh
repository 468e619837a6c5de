# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Targets of writes: nothing with contents is overwritten without an option, a new
# file is complete or absent, and only its owner may read it.

mode_of() { stat -c %a "$1"; }
has_mode() { [ "$(mode_of "$2")" = "$1" ]; }
# nothing_left NAME: no file, and no part of one under another name
nothing_left() { [ -z "$(find "$work" -maxdepth 1 -name "*$1*" -print -quit)" ]; }

# Contents that begin with zeros
"$dmsnap" dump --for-restore "$work/good" > "$work/dump"
truncate -s 8M "$work/held-ext4" "$work/held-lvm" "$work/held-table" "$work/held-end" "$work/held-nothing"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L precious "$work/held-ext4"
# A physical volume: its label is in the second sector
put "$work/held-lvm" 512 "$(printf LABELONE | od -An -tx1 | tr -d ' \n')0100000000000000"
put "$work/held-lvm" 536 "$(printf 'LVM2 001' | od -An -tx1 | tr -d ' \n')"
put "$work/held-table" 446 00000000830000000100000000400000
put "$work/held-table" 510 55aa
put "$work/held-end" $(((8 << 20) - 512)) 45
for held in ext4 lvm table end; do
	check "restore: not over $held" unchanged "$work/held-$held" exits 2 "$dmsnap" restore "$work/held-$held" --input "$work/dump"
	check "repair: not over $held, but an image is not its target" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/held-$held"
done
check "restore: says what is there" exits 2 "$dmsnap" restore "$work/held-ext4" --input "$work/dump"
check "restore: by its type and label" complains 'held-ext4: holds ext4 \(label "precious"\).*--overwrite'
check "restore: or where it is not zero" exits 2 "$dmsnap" restore "$work/held-end" --input "$work/dump"
check "restore: by the byte" complains 'not zero at byte 8388096'
check "restore: to an image of zeros" exits 0 "$dmsnap" restore "$work/held-nothing" --input "$work/dump"
check "restore: over what is there, when told to" exits 0 "$dmsnap" restore --overwrite "$work/held-ext4" --input "$work/dump"

"$dmsnap" export --full --origin "$work/origin" > "$work/full" 2> "$work/err"
"$dmsnap" export "$work/good" --origin "$work/origin" > "$work/stream" 2> "$work/err"
truncate -s $((8004 * 512)) "$work/held-other"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 "$work/held-other"
check "apply: a full stream is not put over something else" unchanged "$work/held-other" exits 2 "$dmsnap" apply "$work/held-other" --input "$work/full"
check "apply: and says over what" complains 'held-other: holds ext4.*--any-base'
check "apply: unless told to" exits 0 "$dmsnap" apply "$work/held-other" --any-base --input "$work/full"
check "apply: which gives the volume" cmp "$work/held-other" "$work/origin"
# Two volumes whose first MiB is the same
head -c 8M /dev/urandom > "$work/held-vm1"
cp "$work/held-vm1" "$work/held-vm2"
dd if=/dev/urandom of="$work/held-vm2" bs=1M seek=1 count=7 conv=notrunc status=none
"$dmsnap" export --full --origin "$work/held-vm1" > "$work/full-vm1" 2> "$work/err"
check "apply: not over another volume that begins as the stream does" unchanged "$work/held-vm2" exits 2 "$dmsnap" apply "$work/held-vm2" --input "$work/full-vm1"
check "apply: and says what to do" complains 'held-vm2: holds .*--any-base'
check "apply: nor is it taken for half a copy" [ ! -e "$work/held-vm2.half-applied" ]
head -c 3M "$work/full-vm1" > "$work/cut"
check "apply: over it when told to, but cut off" exits 1 "$dmsnap" apply "$work/held-vm2" --any-base --input "$work/cut"
check "apply: the same once more needs no option" exits 0 "$dmsnap" apply "$work/held-vm2" --input "$work/full-vm1"
check "apply: and gives the volume" cmp "$work/held-vm2" "$work/held-vm1"
rm -f "$work"/held-vm? "$work/full-vm1"
check "apply: a copy of it is no other thing" exits 0 "$dmsnap" apply "$work/held-other" --input "$work/full"

# --- new files ---------------------------------------------------------------

umask 022
check "export: to a new file" exits 0 "$dmsnap" export --full --origin "$work/origin" --output "$work/new-stream"
check "export: that its owner alone may read" has_mode 600 "$work/new-stream"
check "apply: to a new file" exits 0 "$dmsnap" apply "$work/new-copy" --input "$work/full"
check "apply: that its owner alone may read" has_mode 600 "$work/new-copy"
chmod 400 "$work/hostile"
check "repair: to a new file" exits 0 "$dmsnap" repair "$work/hostile" --output "$work/new-repaired"
check "repair: with no more rights than its source gives" has_mode 400 "$work/new-repaired"
chmod 644 "$work/hostile"
check "restore: to a new file" exits 0 "$dmsnap" restore "$work/new-store" --input "$work/dump"
check "restore: that its owner alone may read" has_mode 600 "$work/new-store"

head -c 20000 "$work/full" > "$work/cut"
check "apply: a full stream that is cut off" exits 1 "$dmsnap" apply "$work/part-copy" --input "$work/cut"
check "apply: leaves nothing" nothing_left part-copy
sed '$d' "$work/dump" > "$work/short"
check "restore: a dump that is cut off" exits 1 "$dmsnap" restore "$work/part-store" --input "$work/short"
check "restore: leaves nothing" nothing_left part-store
export_without_room()
{
	(ulimit -f 100 && trap '' XFSZ && exits 2 "$dmsnap" export --full --origin "$work/origin" --output "$work/part-stream")
}
check "export: no room" export_without_room
check "export: leaves nothing" nothing_left part-stream
# interrupted SIGNAL: a full stream without an end
interrupted()
{
	mkfifo "$work/endless-input"
	env --default-signal="$1" "$dmsnap" apply "$work/part-interrupted" --input "$work/endless-input" 2> "$work/err" &
	local program=$! code=0 try
	exec {feed}> "$work/endless-input"
	head -c 1000000 "$work/full" >&"$feed"
	for ((try = 0; try < 100; try++)); do
		if ! nothing_left part-interrupted; then break; fi
		sleep 0.05
	done
	kill -"$1" "$program"
	wait "$program" || code=$?
	exec {feed}>&-
	rm "$work/endless-input"
	[ "$code" = $((128 + $(kill -l "$1"))) ] && [ "$try" -lt 100 ] && nothing_left part-interrupted
}
check "apply: interrupted, leaves nothing" interrupted INT
check "apply: told to end, leaves nothing" interrupted TERM

# The contents are durable before the name
if command -v strace > /dev/null; then
	synced()
	{
		rm -f "$work/new-synced"
		strace -f -o "$work/calls" -e trace=fsync,fdatasync,rename,renameat,renameat2 "$@" > "$work/out" 2> "$work/err" || return 1
		[ "$(sed -nE 's/^[0-9]+ +(fsync|fdatasync|rename)[a-z0-9]*\(.*= 0$/\1/p' "$work/calls" | tr '\n' ' ')" = 'fsync rename fsync ' ]
	}
	check "export: a file is durable, and then its name" synced "$dmsnap" export --full --origin "$work/origin" --output "$work/new-synced"
fi

# A device is recognised by its type, not by its name
shared=/dev/shm/dmsnap-test.$$
check "repair: a file in /dev/shm is a file" exits 0 "$dmsnap" repair "$work/hostile" --output "$shared"
check "repair: and is what was asked for" exits 0 "$dmsnap" check "$shared"
rm -f "$shared"
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/held-lvm" 2> /dev/null); then
	check "repair: not over a device that holds something" unchanged "$work/held-lvm" exits 2 "$dmsnap" repair "$work/hostile" --output "$loop"
	check "repair: and says what" complains 'holds LVM2_member'
	losetup -d "$loop"
	loop=$(losetup --show -f "$work/held-end")
	check "repair: over one, when told to" exits 0 "$dmsnap" repair "$work/hostile" --output "$loop" --overwrite
	check "repair: and it is fine" exits 0 "$dmsnap" check "$loop"
	check "repair: a device gets what a file gets" cmp "$loop" "$work/new-repaired"
	# An interrupted one is not a store
	if command -v strace > /dev/null; then
		header_last='zero flush ((zero|write) )+flush header flush '
		check "repair: a kept header is written when all else is durable" written_in_order "$header_last" "$loop" "$dmsnap" repair "$work/hostile" --output "$loop" --overwrite
		check "repair: so is a new one" written_in_order "$header_last" "$loop" "$dmsnap" repair "$work/invalid" --force --output "$loop" --overwrite
	fi
	losetup -d "$loop"
else
	echo "1 skipped"
fi
