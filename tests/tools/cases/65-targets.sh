# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Targets of writes.  Contents are overwritten only with an option.  A new file is complete or
# absent, and private to its owner.

mode_of() { stat -c %a "$1"; }
has_mode() { [ "$(mode_of "$2")" = "$1" ]; }
# nothing_left NAME: there is no file of this name, and no temporary one with it in its name
nothing_left() { [ -z "$(find "$work" -maxdepth 1 -name "*$1*" -print -quit)" ]; }

# Contents that begin with zeros
"$dmsnap" dump --for-restore "$work/good" > "$work/dump"
truncate -s 8M "$work/held-ext4" "$work/held-lvm" "$work/held-table" "$work/held-end" "$work/held-nothing"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L precious "$work/held-ext4"
# A physical volume has its label in the second sector
put "$work/held-lvm" 512 "$(printf LABELONE | od -An -tx1 | tr -d ' \n')0100000000000000"
put "$work/held-lvm" 536 "$(printf 'LVM2 001' | od -An -tx1 | tr -d ' \n')"
put "$work/held-table" 446 00000000830000000100000000400000
put "$work/held-table" 510 55aa
put "$work/held-end" $(((8 << 20) - 512)) 45
for held in ext4 lvm table end; do
	check "restore: refuses to overwrite $held" unchanged "$work/held-$held" exits 2 "$dmsnap" restore "$work/held-$held" --input "$work/dump"
	check "repair: refuses the existing file $held" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/held-$held"
done
check "restore: refuses a file system" exits 2 "$dmsnap" restore "$work/held-ext4" --input "$work/dump"
check "restore: names its type and label" complains 'held-ext4: holds ext4 \(label "precious"\).*--overwrite'
check "restore: refuses data that is not zero" exits 2 "$dmsnap" restore "$work/held-end" --input "$work/dump"
check "restore: names the first such byte" complains 'not zero at byte 8388096'
check "restore: to an image of zeros" exits 0 "$dmsnap" restore "$work/held-nothing" --input "$work/dump"
check "restore: --overwrite overwrites it" exits 0 "$dmsnap" restore --overwrite "$work/held-ext4" --input "$work/dump"

"$dmsnap" export --full --origin "$work/origin" > "$work/full" 2> "$work/err"
"$dmsnap" export "$work/good" --origin "$work/origin" > "$work/stream" 2> "$work/err"
truncate -s $((8004 * 512)) "$work/held-other"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 "$work/held-other"
check "apply: refuses to overwrite other data with a full stream" unchanged "$work/held-other" exits 2 "$dmsnap" apply "$work/held-other" --input "$work/full"
check "apply: names that data" complains 'held-other: holds ext4.*--any-base'
check "apply: --any-base overwrites it" exits 0 "$dmsnap" apply "$work/held-other" --any-base --input "$work/full"
check "apply: the target equals the volume" cmp "$work/held-other" "$work/origin"
# Two volumes with the same first MiB
head -c 8M /dev/urandom > "$work/held-vm1"
cp "$work/held-vm1" "$work/held-vm2"
dd if=/dev/urandom of="$work/held-vm2" bs=1M seek=1 count=7 conv=notrunc status=none
"$dmsnap" export --full --origin "$work/held-vm1" > "$work/full-vm1" 2> "$work/err"
check "apply: refuses a volume that begins like the stream" unchanged "$work/held-vm2" exits 2 "$dmsnap" apply "$work/held-vm2" --input "$work/full-vm1"
check "apply: says that --any-base is needed" complains 'held-vm2: holds .*--any-base'
check "apply: leaves no mark when refused" [ ! -e "$work/held-vm2.half-applied" ]
head -c 3M "$work/full-vm1" > "$work/cut"
check "apply: --any-base with a truncated stream" exits 1 "$dmsnap" apply "$work/held-vm2" --any-base --input "$work/cut"
check "apply: the same stream again needs no option" exits 0 "$dmsnap" apply "$work/held-vm2" --input "$work/full-vm1"
check "apply: completes the copy" cmp "$work/held-vm2" "$work/held-vm1"
rm -f "$work"/held-vm? "$work/full-vm1"
check "apply: overwrites an older copy without an option" exits 0 "$dmsnap" apply "$work/held-other" --input "$work/full"

# --- new files ---------------------------------------------------------------

umask 022
check "export: to a new file" exits 0 "$dmsnap" export --full --origin "$work/origin" --output "$work/new-stream"
check "export: the file is private" has_mode 600 "$work/new-stream"
check "apply: to a new file" exits 0 "$dmsnap" apply "$work/new-copy" --input "$work/full"
check "apply: the file is private" has_mode 600 "$work/new-copy"
chmod 400 "$work/hostile"
check "repair: to a new file" exits 0 "$dmsnap" repair "$work/hostile" --output "$work/new-repaired"
check "repair: the file has the mode of its source" has_mode 400 "$work/new-repaired"
chmod 644 "$work/hostile"
check "restore: to a new file" exits 0 "$dmsnap" restore "$work/new-store" --input "$work/dump"
check "restore: the file is private" has_mode 600 "$work/new-store"

head -c 20000 "$work/full" > "$work/cut"
check "apply: a truncated full stream" exits 1 "$dmsnap" apply "$work/part-copy" --input "$work/cut"
check "apply: leaves no file after that" nothing_left part-copy
sed '$d' "$work/dump" > "$work/short"
check "restore: a truncated dump" exits 1 "$dmsnap" restore "$work/part-store" --input "$work/short"
check "restore: leaves no file after that" nothing_left part-store
export_without_room()
{
	(ulimit -f 100 && trap '' XFSZ && exits 2 "$dmsnap" export --full --origin "$work/origin" --output "$work/part-stream")
}
check "export: no room" export_without_room
check "export: leaves no file without room" nothing_left part-stream
# interrupted SIGNAL: apply gets the signal while it waits for the rest of a full stream
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
check "apply: interrupted, leaves no file" interrupted INT
check "apply: terminated, leaves no file" interrupted TERM

# The contents must be durable before the rename
if command -v strace > /dev/null; then
	synced()
	{
		rm -f "$work/new-synced"
		strace -f -o "$work/calls" -e trace=fsync,fdatasync,rename,renameat,renameat2 "$@" > "$work/out" 2> "$work/err" || return 1
		[ "$(sed -nE 's/^[0-9]+ +(fsync|fdatasync|rename)[a-z0-9]*\(.*= 0$/\1/p' "$work/calls" | tr '\n' ' ')" = 'fsync rename fsync ' ]
	}
	check "export: syncs the file before it renames it" synced "$dmsnap" export --full --origin "$work/origin" --output "$work/new-synced"
fi

# A device is recognised by its type and not by its path
shared=/dev/shm/dmsnap-test.$$
check "repair: to a file in /dev/shm" exits 0 "$dmsnap" repair "$work/hostile" --output "$shared"
check "repair: that file is a good store" exits 0 "$dmsnap" check "$shared"
rm -f "$shared"
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/held-lvm" 2> /dev/null); then
	check "repair: refuses a device with contents" unchanged "$work/held-lvm" exits 2 "$dmsnap" repair "$work/hostile" --output "$loop"
	check "repair: names the contents" complains 'holds LVM2_member'
	losetup -d "$loop"
	loop=$(losetup --show -f "$work/held-end")
	check "repair: --overwrite overwrites the device" exits 0 "$dmsnap" repair "$work/hostile" --output "$loop" --overwrite
	check "repair: the device holds a good store" exits 0 "$dmsnap" check "$loop"
	check "repair: the device equals the file" cmp "$loop" "$work/new-repaired"
	# An interrupted repair must not leave a store
	if command -v strace > /dev/null; then
		header_last='zero flush ((zero|write) )+flush header flush '
		check "repair: writes a kept header last" written_in_order "$header_last" "$loop" "$dmsnap" repair "$work/hostile" --output "$loop" --overwrite
		check "repair: writes a new header last" written_in_order "$header_last" "$loop" "$dmsnap" repair "$work/invalid" --force --output "$loop" --overwrite
	fi
	losetup -d "$loop"
else
	echo "1 skipped"
fi
