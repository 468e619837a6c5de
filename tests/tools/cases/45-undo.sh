# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# A copy never ends up half applied without a way back.

"$dmsnap" export "$work/good" --origin "$work/origin" > "$work/stream" 2> "$work/err"
length=$(stat -c %s "$work/stream")
fresh() { rm -f "$work/copy" "$work/copy.half-applied" "$work/undo" && cp "$work/before" "$work/copy"; }

fresh
check "apply --undo: applies a stream" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo"
check "apply --undo: the copy equals the volume" cmp "$work/copy" "$work/origin"
check "apply --undo: the file is private" [ "$(stat -c %a "$work/undo")" = 600 ]
check "apply --undo: the file can be applied" exits 0 "$dmsnap" apply "$work/copy" --input "$work/undo"
check "apply --undo: gives the old contents back" cmp "$work/copy" "$work/before"
check "apply --undo: refuses to overwrite a file" exits 2 "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo"
check "apply --undo: refused, changes nothing" cmp "$work/copy" "$work/before"
check "apply --undo: a stream that is already applied" exits 0 "$dmsnap" apply "$work/origin" --input "$work/stream" --undo "$work/undo-nothing"
check "apply --undo: needs no file for that" [ ! -e "$work/undo-nothing" ]
fresh
head -c 60 "$work/stream" > "$work/cut"
check "apply --undo: a stream that ends before its first record" exits 1 "$dmsnap" apply "$work/copy" --input "$work/cut" --undo "$work/undo-nothing"
check "apply --undo: leaves no file after that" [ ! -e "$work/undo-nothing" ]
check "apply --undo: the file hits its size limit" exits 2 prlimit --fsize=20000 env --ignore-signal=XFSZ "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo-nothing"
check "apply --undo: reports the limit" complains 'writing .*failed: File too large'
check "apply --undo: removes the file at the limit" [ ! -e "$work/undo-nothing" ]
check "apply --undo: changes nothing at the limit" cmp "$work/copy" "$work/before"
# Shorter than one batch of writes
for size in 20000 $((length / 2)) $((length - 1)); do
	fresh
	head -c "$size" "$work/stream" > "$work/cut"
	check "apply --undo: a stream cut to $size bytes" exits 1 "$dmsnap" apply "$work/copy" --input "$work/cut" --undo "$work/undo"
	check "apply --undo: cut to $size bytes, changes nothing" cmp "$work/copy" "$work/before"
	check "apply --undo: cut to $size bytes, leaves no file" [ ! -e "$work/undo" ]
done

# killed OPTION...: kills apply after it has received and written half of the stream
killed()
{
	fresh
	mkfifo "$work/feed"
	"$dmsnap" apply "$work/copy" --input "$work/feed" "$@" > "$work/out" 2> "$work/err" &
	local program=$! try
	exec {feed}> "$work/feed"
	head -c "$((length / 2))" "$work/stream" >&"$feed"
	# When it sleeps in read() it has written all of that
	for ((try = 0; try < 100; try++)); do
		if [ "$(cut -d ' ' -f 1 "/proc/$program/syscall")" = 0 ]; then break; fi
		sleep 0.05
	done
	kill -KILL "$program"
	wait "$program" 2> /dev/null || true
	exec {feed}>&-
	rm "$work/feed"
}
killed
# shellcheck disable=SC2016 # for the other shell
check "apply: killed, leaves a mixture" bash -c '! cmp -s "$1/copy" "$1/before" && ! cmp -s "$1/copy" "$1/origin"' - "$work"
check "apply: killed, the copy is marked" [ -e "$work/copy.half-applied" ]
check "export: refuses a half applied copy" exits 2 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
check "export: says that it is half applied" complains 'half applied'
cp "$work/copy" "$work/half" && cp "$work/copy.half-applied" "$work/half-mark"
"$dmsnap" export --full --origin "$work/before" 2> "$work/err" > "$work/stream-full"
check "apply: refuses another stream on a half applied copy" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream-full"
check "apply: says that half of another stream is there" complains 'half of another stream'
check "apply --atomic: refuses another stream as well" unchanged "$work/copy" exits 1 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream-full"
check "apply: the same stream again" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply: completes the copy" cmp "$work/copy" "$work/origin"
check "apply: removes the mark" [ ! -e "$work/copy.half-applied" ]
cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
check "apply --atomic: the same stream again" exits 0 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream"
check "apply --atomic: removes the mark" [ ! -e "$work/copy.half-applied" ]
cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
check "apply --any-base: another stream" exits 0 "$dmsnap" apply --any-base "$work/copy" --input "$work/stream-full"
check "apply --any-base: removes the mark" [ ! -e "$work/copy.half-applied" ]
python3 - "$work/half-mark" "$work/copy.half-applied" <<-'END'
	import json, sys
	mark = json.load(open(sys.argv[1]))
	for one in mark["attempts"]:
	    one.pop("base", None)
	    one.pop("found", None)
	json.dump(mark, open(sys.argv[2], "w"))
END
cp "$work/half" "$work/copy"
check "apply: refuses every stream after the mark of an older dmsnap" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply --any-base: ignores the old mark" exits 0 "$dmsnap" apply --any-base "$work/copy" --input "$work/stream"
check "apply --any-base: removes the old mark" [ ! -e "$work/copy.half-applied" ]
printf '{"attempts": [{"offset": -1}]}' > "$work/copy.half-applied"
check "apply: an unreadable mark" exits 2 "$dmsnap" apply "$work/copy" --input "$work/stream"
cp "$work/half-mark" "$work/elsewhere-mark"
for kind in loop link none fifo folder huge; do
	rm -rf "$work/copy.half-applied"
	case $kind in
	loop) ln -s copy.half-applied "$work/copy.half-applied" ;;
	link) ln -s elsewhere-mark "$work/copy.half-applied" ;;
	none) ln -s nowhere "$work/copy.half-applied" ;;
	fifo) mkfifo "$work/copy.half-applied" ;;
	folder) mkdir "$work/copy.half-applied" ;;
	huge) truncate -s 1T "$work/copy.half-applied" ;;
	esac
	cp "$work/before" "$work/copy"
	check "apply: a mark that is a $kind" unchanged "$work/copy" exits 2 timeout 10 "$dmsnap" apply "$work/copy" --input "$work/stream"
	check "apply: names the mark, a $kind" complains 'copy\.half-applied: .*cannot be told'
	check "export: a mark that is a $kind" exits 2 timeout 10 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
	check "export: names the mark, a $kind" complains 'copy\.half-applied: .*cannot be told'
done
check "apply: does not write through the link" [ ! -e "$work/nowhere" ]
rm -rf "$work/copy.half-applied"

# store_of FILE OLD CHUNK...: makes a store that holds these chunks of OLD
store_of()
{
	local store=$1 old=$2 at=0 chunk
	shift 2
	truncate -s 2M "$store"
	put "$store" 0 536e4170010000000100000008000000
	for chunk; do
		put "$store" $((4096 + 16 * at)) "$(entry "$chunk" $((2 + at)))"
		dd if="$old" of="$store" bs=4096 skip="$chunk" seek=$((2 + at)) count=1 conv=notrunc status=none
		at=$((at + 1))
	done
}
# rewritten OLD NEW CHUNK...: makes NEW from OLD, with new contents in these chunks
rewritten()
{
	local old=$1 new=$2 chunk
	shift 2
	cp "$old" "$new"
	for chunk; do
		dd if=/dev/urandom of="$new" bs=4096 seek="$chunk" count=1 conv=notrunc status=none
	done
}
# The next increment changes the chunk that the interrupted one wrote first, or writes the same
# contents to it again.
head -c 8M /dev/urandom > "$work/day1"
rewritten "$work/day1" "$work/day2" 0 1500
rewritten "$work/day2" "$work/day3" 0
rewritten "$work/day2" "$work/day3-same" 700
store_of "$work/store1" "$work/day1" 0 1500
store_of "$work/store2" "$work/day2" 0
store_of "$work/store2-same" "$work/day2" 0 700
"$dmsnap" export "$work/store1" --origin "$work/day2" > "$work/stream1" 2> "$work/err"
head -c $((40 + 56 + 4096 + 20)) "$work/stream1" > "$work/cut"
for next in '' -same; do
	"$dmsnap" export "$work/store2$next" --origin "$work/day3$next" > "$work/stream2" 2> "$work/err"
	rm -f "$work/copy.half-applied"
	cp "$work/day1" "$work/copy"
	check "apply: the first record of an increment$next" exits 1 "$dmsnap" apply "$work/copy" --input "$work/cut"
	cp "$work/copy" "$work/half" && cp "$work/copy.half-applied" "$work/half-mark"
	check "apply: refuses the next increment$next" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream2"
	check "apply: says that half of another stream is there$next" complains 'half of another stream'
	check "apply: the mark stays$next" [ -e "$work/copy.half-applied" ]
	cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
	check "apply: the same increment again$next" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream1"
	check "apply: then the next increment$next" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream2"
	check "apply: gives the new volume$next" cmp "$work/copy" "$work/day3$next"
	check "apply: removes the mark$next" [ ! -e "$work/copy.half-applied" ]
done
rm -f "$work"/day? "$work"/day3-same "$work"/store? "$work"/store2-same

# Interrupted twice and undone twice; large enough for writes each time
for file in large large-new; do
	head -c 90M /dev/urandom > "$work/$file"
done
cp "$work/large" "$work/large-copy"
"$dmsnap" export --full --origin "$work/large-new" > "$work/large-stream" 2> "$work/err"
head -c 45M "$work/large-stream" > "$work/cut"
check "apply: a stream that ends too early" exits 1 "$dmsnap" apply --any-base "$work/large-copy" --input "$work/cut" --undo "$work/large-undo"
check "apply: says that the copy is marked" complains 'has a part of the stream now, and is marked'
head -c 80M "$work/large-stream" > "$work/cut"
check "apply: a stream that ends later" exits 1 "$dmsnap" apply --any-base "$work/large-copy" --input "$work/cut" --undo "$work/large-undo-2"
check "apply: refuses to undo the first part before the second" unchanged "$work/large-copy" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: says what to undo first" complains 'a later part .* apply what --undo kept of that one first'
check "apply: the mark stays after the refusal" [ -e "$work/large-copy.half-applied" ]
check "apply: undoes the second part" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo-2"
check "apply: the mark stays after the second part" [ -e "$work/large-copy.half-applied" ]
check "apply: undoes the first part" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: the old contents are back" cmp "$work/large-copy" "$work/large"
check "apply: removes the mark with the first part" [ ! -e "$work/large-copy.half-applied" ]
rm -f "$work"/large*
# Its next write waits for more of the stream
killed --undo "$work/undo"
check "apply --undo: killed before its first write, changes nothing" cmp "$work/copy" "$work/before"
check "apply --undo: killed before its first write, leaves no mark" [ ! -e "$work/copy.half-applied" ]
# Killed after some writes of 32 MiB each; the undo file has no end record
for file in large large-new; do
	head -c 90M /dev/urandom > "$work/$file"
done
"$dmsnap" export --full --origin "$work/large-new" > "$work/large-stream" 2> "$work/err"
killed_large()
{
	cp "$work/large" "$work/large-copy"
	rm -f "$work/large-undo" "$work/large-copy.half-applied"
	mkfifo "$work/feed"
	"$dmsnap" apply --any-base "$work/large-copy" --input "$work/feed" --undo "$work/large-undo" > "$work/out" 2> "$work/err" &
	local program=$! code=0
	exec {feed}> "$work/feed"
	# It has read all but what the FIFO holds
	head -c 80M "$work/large-stream" >&"$feed"
	kill -KILL "$program"
	wait "$program" 2> /dev/null || code=$?
	exec {feed}>&-
	rm "$work/feed"
	[ "$code" = 137 ]
}
check "apply --undo: killed while it writes" killed_large
check "apply --undo: had written to the copy" [ -n "$(cmp "$work/large-copy" "$work/large")" ]
cp "$work/large-copy" "$work/large-half" && cp "$work/large-copy.half-applied" "$work/half-mark"
kept=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["attempts"][-1]["kept"])' "$work/half-mark")
check "apply --undo: the mark says how many records are needed" [ "$kept" -ge 32 ]
# Each record holds 1 MiB
needed=$((40 + kept * (56 + (1 << 20))))
check "apply --undo: the file has these records" [ "$(stat -c %s "$work/large-undo")" -ge "$needed" ]
cp "$work/large-undo" "$work/large-undo-all"
for size in $((needed - 1)) $((needed / 2)); do
	head -c "$size" "$work/large-undo-all" > "$work/large-undo"
	cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
	check "apply: a truncated undo file" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
	check "apply: truncated, leaves the mark" [ -e "$work/large-copy.half-applied" ]
	check "apply: the whole undo file" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo-all"
	check "apply: gives the old contents back" cmp "$work/large-copy" "$work/large"
	check "apply: removes the mark after that" [ ! -e "$work/large-copy.half-applied" ]
done
# As after a crash: what was not durable may hold anything
{
	head -c "$needed" "$work/large-undo-all"
	head -c 100000 /dev/zero
} > "$work/large-undo"
cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
check "apply: an undo file with garbage for its end" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: says that the end is missing" says 'without an end: but all that was overwritten is back'
check "apply: garbage at the end, gives the old contents back" cmp "$work/large-copy" "$work/large"
check "apply: garbage at the end, removes the mark" [ ! -e "$work/large-copy.half-applied" ]
put "$work/large-undo" $((40 + 56 + 1000)) a55aa5a5
cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
check "apply: refuses a damaged undo file" unchanged "$work/large-copy" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: damaged, leaves the mark" [ -e "$work/large-copy.half-applied" ]
rm -f "$work"/large*
killed --atomic
check "apply --atomic: killed, changes nothing" cmp "$work/copy" "$work/before"
rm -f "$work"/.copy.dmsnap-*

# The copy is written only when the old contents are durable
if command -v strace > /dev/null; then
	in_order()
	{
		fresh
		strace -f -y -o "$work/calls" -e trace=pwrite64,fdatasync,write,rename,renameat2,unlink,fsync "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo" > "$work/out" || return 1
		sed -nE -e 's,^[0-9]+ +(pwrite64|fdatasync)\([0-9]+<.*/(copy|undo)>.*,\1 \2,p' \
			-e 's,^[0-9]+ +(fsync)\([0-9]+<.*/\.copy\.half-applied.*,\1 mark,p' \
			-e 's,^[0-9]+ +(rename|unlink)[a-z0-9]*\(.*copy\.half-applied.*,\1 mark,p' \
			-e "s,^[0-9]+ +(fsync)\\([0-9]+<$work/?>.*,\\1 folder,p" "$work/calls" | uniq > "$work/order"
		[ "$(tr '\n' ' ' < "$work/order")" = "$(tr '\n' ' ' <<- 'END'
			fsync folder
			fdatasync undo
			fsync mark
			rename mark
			unlink mark
			fsync folder
			pwrite64 copy
			fdatasync undo
			fdatasync copy
			unlink mark
			fsync folder
		END
		)" ] || { cat "$work/order"; return 1; }
	}
	check "apply --undo: saves the old contents before it writes" in_order
fi

fresh
chmod 640 "$work/copy"
inode=$(stat -c %i "$work/copy")
check "apply --atomic: applies" exits 0 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream"
check "apply --atomic: the copy equals the volume" cmp "$work/copy" "$work/origin"
check "apply --atomic: it is a new file" [ "$(stat -c %i "$work/copy")" != "$inode" ]
check "apply --atomic: it has the mode of the old one" [ "$(stat -c %a "$work/copy")" = 640 ]
fresh
head -c "$((length / 2))" "$work/stream" > "$work/cut"
check "apply --atomic: a truncated stream changes nothing" unchanged "$work/copy" exits 1 "$dmsnap" apply --atomic "$work/copy" --input "$work/cut"
check "apply --atomic: leaves no temporary file" [ -z "$(find "$work" -name '.copy*')" ]
ln -s copy "$work/link"
check "apply --atomic: through a symbolic link" exits 0 "$dmsnap" apply --atomic "$work/link" --input "$work/stream"
check "apply --atomic: keeps the link" [ -L "$work/link" ]
check "apply --atomic: the link leads to the new file" cmp "$work/copy" "$work/origin"
check "apply --atomic: keeps holes" [ "$(stat -c %b "$work/copy")" -le "$(stat -c %b "$work/before")" ]
for words in '--undo x --atomic' '--undo x --dry-run'; do
	# shellcheck disable=SC2086 # several words
	check "apply: refuses $words" exits 2 "$dmsnap" apply $words "$work/copy" --input "$work/stream"
done

# After a reboot sda may be another device, so the mark has the persistent name that udev gives
# with_devices COPY OTHER COMMAND...: runs the command with the two devices under these names
with_devices()
{
	# shellcheck disable=SC2016 # for the other shell
	STATE_DIRECTORY=$work/mark-state unshare --mount bash -c '
		mount -t tmpfs none "$0" && mkdir -p "$0/disk/by-id" &&
			cp -a /dev/null "$0" && cp -a "$1" "$0/$3" && cp -a "$2" "$0/$4" &&
			ln -s "../../$3" "$0/disk/by-id/scsi-copy" && ln -s "../../$4" "$0/disk/by-id/scsi-other" &&
			if [ -e "$0.contents" ]; then ln -s "../../$3" "$0/disk/by-id/lvm-pv-uuid-1"; fi &&
			mount --bind "$0" /dev && exec "${@:5}"' "$work/dev" "$loop" "$other" "$@"
}
fresh
cp "$work/before" "$work/other"
mkdir "$work/dev" "$work/mark-state"
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/copy" 2> /dev/null); then
	other=$(losetup --show -f "$work/other")
	check "apply: a truncated stream to a device" exits 1 with_devices sda sdb "$dmsnap" apply sda --input "$work/cut"
	check "apply: the device is marked" exits 2 with_devices sda sdb "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: export says that it is half applied" complains 'sda: is half applied'
	check "apply: the mark is found under another name" exits 2 with_devices sdb sda "$dmsnap" export --full --origin sdb --output "$work/none"
	check "apply: export reports the new name" complains 'sdb: is half applied'
	# The stream may write the contents for which udev makes a link
	touch "$work/dev.contents"
	check "apply: the device now holds a physical volume" exits 2 with_devices sdb sda "$dmsnap" export --full --origin sdb --output "$work/none"
	check "apply: the mark is still found" complains 'sdb: is half applied'
	rm "$work/dev.contents"
	check "apply: the device with the old name is not marked" exits 0 with_devices sdb sda "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: the same stream to the device again" exits 0 with_devices sdb sda "$dmsnap" apply sdb --input "$work/stream"
	check "apply: removes the device's mark" [ -z "$(ls -A "$work/mark-state")" ]
	losetup -d "$other"
	losetup -d "$loop"

	# fresh_loop: makes a loop device with the old contents
	fresh_loop()
	{
		rm -f "$work/none"
		fresh
		loop=$(losetup --show -f "$work/copy")
	}
	# without_links COMMAND...: runs it without udev's links; the device's wwid is that of $work/identity
	without_links()
	{
		export -f with_devices && export work loop other
		# shellcheck disable=SC2016 # for the other shell
		STATE_DIRECTORY=$work/mark-state unshare --mount bash -c '
			mount -t tmpfs none /sys/dev/block && mkdir -p "/sys/dev/block/$1/device" &&
				cp "$0/identity" "/sys/dev/block/$1/device/wwid" &&
				{ [ ! -d /dev/disk ] || mount -t tmpfs none /dev/disk; } &&
				"${@:2}"' "$work" "$(lsblk -dno MAJ:MIN "$loop" | tr -d ' ')" "$@"
	}
	fresh_loop
	echo naa.5000c500a1b2c3d4 > "$work/identity"
	check "apply: half of a stream, without udev" exits 1 without_links "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: marks the device by its wwid" [ -e "$work/mark-state/wwid-naa.5000c500a1b2c3d4.half-applied" ]
	check "apply: the mark holds with udev" exits 2 without_links with_devices sda sdb "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: reports the mark with udev" complains 'sda: is half applied'
	echo naa.5000c500a1b2c3d5 > "$work/identity"
	check "apply: another wwid is not marked" exits 0 without_links "$dmsnap" export --full --origin "$loop" --output "$work/none"
	echo ' naa.5000c500a1b2c3d4 ' > "$work/identity"
	check "apply: the same stream again, without udev" exits 0 without_links "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: removes the mark without udev" [ -z "$(ls -A "$work/mark-state")" ]
	losetup -d "$loop"

	# The mark of a loop device belongs to its file, whatever number the device has
	fresh_loop
	check "apply: half of a stream to a loop device" exits 1 "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: marks the file of the loop device" [ -e "$work/copy.half-applied" ]
	losetup -d "$loop"
	check "apply: the mark holds for the file itself" exits 2 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
	check "apply: reports the mark of the file" complains 'copy: is half applied'
	other=$(losetup --show -f "$work/other")
	loop=$(losetup --show -f "$work/copy")
	check "apply: the mark holds for another loop device of the file" exits 2 "$dmsnap" export --full --origin "$loop" --output "$work/none"
	check "apply: reports the mark of the other loop device" complains 'loop[0-9]+: is half applied'
	check "apply: the mark does not hold for another file with that number" exits 0 "$dmsnap" export --full --origin "$other" --output "$work/none"
	check "apply: the same stream again through the other loop device" exits 0 "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: removes the mark of the file" [ ! -e "$work/copy.half-applied" ]
	losetup -d "$loop"
	{ head -c 4096 /dev/zero && cat "$work/before"; } > "$work/shifted"
	loop=$(losetup --show -f -o 4096 "$work/shifted")
	check "apply: half of a stream to a part of a file" exits 1 "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: marks that part" [ -e "$work/shifted@4096.half-applied" ]
	check "apply: the same stream again to that part" exits 0 "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: removes the mark of that part" [ ! -e "$work/shifted@4096.half-applied" ]
	losetup -d "$other"
	losetup -d "$loop"
else
	echo "1 skipped"
fi
rm -f "$work/none"
