# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# A copy is never a mixture of two states without a way back.

"$dmsnap" export "$work/good" --origin "$work/origin" > "$work/stream" 2> "$work/err"
length=$(stat -c %s "$work/stream")
fresh() { rm -f "$work/copy" "$work/copy.half-applied" "$work/undo" && cp "$work/before" "$work/copy"; }

fresh
check "apply --undo: applies" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo"
check "apply --undo: all of it" cmp "$work/copy" "$work/origin"
check "apply --undo: is for its owner" [ "$(stat -c %a "$work/undo")" = 600 ]
check "apply --undo: the way back" exits 0 "$dmsnap" apply "$work/copy" --input "$work/undo"
check "apply --undo: leads to what was there" cmp "$work/copy" "$work/before"
check "apply --undo: not over a file" exits 2 "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo"
check "apply --undo: and changes nothing then" cmp "$work/copy" "$work/before"
check "apply --undo: of what is there already" exits 0 "$dmsnap" apply "$work/origin" --input "$work/stream" --undo "$work/undo-nothing"
check "apply --undo: leaves no file" [ ! -e "$work/undo-nothing" ]
fresh
head -c 60 "$work/stream" > "$work/cut"
check "apply --undo: of a stream that ends before its first record" exits 1 "$dmsnap" apply "$work/copy" --input "$work/cut" --undo "$work/undo-nothing"
check "apply --undo: leaves none either" [ ! -e "$work/undo-nothing" ]
check "apply --undo: on a full disk" exits 2 prlimit --fsize=20000 env --ignore-signal=XFSZ "$dmsnap" apply "$work/copy" --input "$work/stream" --undo "$work/undo-nothing"
check "apply --undo: says so" complains 'writing .*failed: File too large'
check "apply --undo: leaves none then" [ ! -e "$work/undo-nothing" ]
check "apply --undo: changes nothing" cmp "$work/copy" "$work/before"
# Less than what is written at once
for size in 20000 $((length / 2)) $((length - 1)); do
	fresh
	head -c "$size" "$work/stream" > "$work/cut"
	check "apply --undo: of a stream of $size bytes" exits 1 "$dmsnap" apply "$work/copy" --input "$work/cut" --undo "$work/undo"
	check "apply --undo: changes nothing" cmp "$work/copy" "$work/before"
	check "apply --undo: so leaves no file" [ ! -e "$work/undo" ]
done

# killed OPTION...: apply receives half of the stream, writes it, and is killed
killed()
{
	fresh
	mkfifo "$work/feed"
	"$dmsnap" apply "$work/copy" --input "$work/feed" "$@" > "$work/out" 2> "$work/err" &
	local program=$! try
	exec {feed}> "$work/feed"
	head -c "$((length / 2))" "$work/stream" >&"$feed"
	# It sleeps in read() after all of that
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
check "export: not of half a copy" exits 2 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
check "export: and says what it is" complains 'half applied'
cp "$work/copy" "$work/half" && cp "$work/copy.half-applied" "$work/half-mark"
"$dmsnap" export --full --origin "$work/before" 2> "$work/err" > "$work/stream-full"
check "apply: no other stream onto half a copy" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream-full"
check "apply: and says so" complains 'half of another stream'
check "apply: none either that is atomic" unchanged "$work/copy" exits 1 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream-full"
check "apply: the same once more" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply: makes it whole" cmp "$work/copy" "$work/origin"
check "apply: and takes the mark away" [ ! -e "$work/copy.half-applied" ]
cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
check "apply --atomic: the same once more" exits 0 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream"
check "apply --atomic: takes the mark away" [ ! -e "$work/copy.half-applied" ]
cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
check "apply --any-base: another stream" exits 0 "$dmsnap" apply --any-base "$work/copy" --input "$work/stream-full"
check "apply --any-base: takes the mark away" [ ! -e "$work/copy.half-applied" ]
python3 - "$work/half-mark" "$work/copy.half-applied" <<-'END'
	import json, sys
	mark = json.load(open(sys.argv[1]))
	for one in mark["attempts"]:
	    one.pop("base", None)
	    one.pop("found", None)
	json.dump(mark, open(sys.argv[2], "w"))
END
cp "$work/half" "$work/copy"
check "apply: a mark of an older dmsnap fits no stream" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply: --any-base goes on" exits 0 "$dmsnap" apply --any-base "$work/copy" --input "$work/stream"
check "apply: and takes the mark away" [ ! -e "$work/copy.half-applied" ]
printf '{"attempts": [{"offset": -1}]}' > "$work/copy.half-applied"
check "apply: a mark that cannot be read" exits 2 "$dmsnap" apply "$work/copy" --input "$work/stream"
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
	check "apply: names it, $kind" complains 'copy\.half-applied: .*cannot be told'
	check "export: a mark that is a $kind" exits 2 timeout 10 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
	check "export: names it, $kind" complains 'copy\.half-applied: .*cannot be told'
done
check "apply: writes through no link" [ ! -e "$work/nowhere" ]
rm -rf "$work/copy.half-applied"

# store_of FILE OLD CHUNK...: a store that holds these chunks of OLD
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
# rewritten OLD NEW CHUNK...: NEW is OLD with new contents in these chunks
rewritten()
{
	local old=$1 new=$2 chunk
	shift 2
	cp "$old" "$new"
	for chunk; do
		dd if=/dev/urandom of="$new" bs=4096 seek="$chunk" count=1 conv=notrunc status=none
	done
}
# The next increment changes the chunk that the interrupted one wrote first; or writes it once
# more with the same contents.
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
	check "apply: not the next one onto that$next" unchanged "$work/copy" exits 1 "$dmsnap" apply "$work/copy" --input "$work/stream2"
	check "apply: and says so$next" complains 'half of another stream'
	check "apply: it is still marked$next" [ -e "$work/copy.half-applied" ]
	cp "$work/half" "$work/copy" && cp "$work/half-mark" "$work/copy.half-applied"
	check "apply: the same once more$next" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream1"
	check "apply: then the next one$next" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream2"
	check "apply: gives its volume$next" cmp "$work/copy" "$work/day3$next"
	check "apply: which is whole$next" [ ! -e "$work/copy.half-applied" ]
done
rm -f "$work"/day? "$work"/day3-same "$work"/store? "$work"/store2-same

# Interrupted twice, and undone twice; large enough for writes each time
for file in large large-new; do
	head -c 90M /dev/urandom > "$work/$file"
done
cp "$work/large" "$work/large-copy"
"$dmsnap" export --full --origin "$work/large-new" > "$work/large-stream" 2> "$work/err"
head -c 45M "$work/large-stream" > "$work/cut"
check "apply: a stream that ends too early" exits 1 "$dmsnap" apply --any-base "$work/large-copy" --input "$work/cut" --undo "$work/large-undo"
check "apply: it says that the copy is marked" complains 'has a part of the stream now, and is marked'
head -c 80M "$work/large-stream" > "$work/cut"
check "apply: a longer part" exits 1 "$dmsnap" apply --any-base "$work/large-copy" --input "$work/cut" --undo "$work/large-undo-2"
check "apply: not back by the first part before the second" unchanged "$work/large-copy" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: and says why" complains 'a later part .* apply what --undo kept of that one first'
check "apply: it is marked as before" [ -e "$work/large-copy.half-applied" ]
check "apply: back by the second part" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo-2"
check "apply: it is marked still" [ -e "$work/large-copy.half-applied" ]
check "apply: back by the first part" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: it is what it was" cmp "$work/large-copy" "$work/large"
check "apply: and not marked" [ ! -e "$work/large-copy.half-applied" ]
rm -f "$work"/large*
# What it would have written next waits for more of the stream
killed --undo "$work/undo"
check "apply --undo: killed before it writes, changes nothing" cmp "$work/copy" "$work/before"
check "apply --undo: nor is that half a copy" [ ! -e "$work/copy.half-applied" ]
# Killed after some writes, of 32 MiB each: the file has no end
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
	# All of this but what is in the FIFO was taken
	head -c 80M "$work/large-stream" >&"$feed"
	kill -KILL "$program"
	wait "$program" 2> /dev/null || code=$?
	exec {feed}>&-
	rm "$work/feed"
	[ "$code" = 137 ]
}
check "apply --undo: killed while it writes" killed_large
check "apply --undo: it has written" [ -n "$(cmp "$work/large-copy" "$work/large")" ]
cp "$work/large-copy" "$work/large-half" && cp "$work/large-copy.half-applied" "$work/half-mark"
kept=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["attempts"][-1]["kept"])' "$work/half-mark")
check "apply --undo: the mark has how many records are needed" [ "$kept" -ge 32 ]
# A record has a MiB here
needed=$((40 + kept * (56 + (1 << 20))))
check "apply --undo: which are there" [ "$(stat -c %s "$work/large-undo")" -ge "$needed" ]
cp "$work/large-undo" "$work/large-undo-all"
for size in $((needed - 1)) $((needed / 2)); do
	head -c "$size" "$work/large-undo-all" > "$work/large-undo"
	cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
	check "apply: too little of the way back" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
	check "apply: leaves the mark" [ -e "$work/large-copy.half-applied" ]
	check "apply: then all of it" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo-all"
	check "apply: gives what was there" cmp "$work/large-copy" "$work/large"
	check "apply: and takes the mark away" [ ! -e "$work/large-copy.half-applied" ]
done
# As a crash leaves it: what is not durable may be anything
{
	head -c "$needed" "$work/large-undo-all"
	head -c 100000 /dev/zero
} > "$work/large-undo"
cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
check "apply: the way back, with something else in the end's place" exits 0 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: says that there is no end" says 'without an end: but all that was overwritten is back'
check "apply: gives what was there" cmp "$work/large-copy" "$work/large"
check "apply: and takes the mark away" [ ! -e "$work/large-copy.half-applied" ]
put "$work/large-undo" $((40 + 56 + 1000)) a55aa5a5
cp "$work/large-half" "$work/large-copy" && cp "$work/half-mark" "$work/large-copy.half-applied"
check "apply: not a way back that is damaged" unchanged "$work/large-copy" exits 1 "$dmsnap" apply "$work/large-copy" --input "$work/large-undo"
check "apply: it is still marked" [ -e "$work/large-copy.half-applied" ]
rm -f "$work"/large*
killed --atomic
check "apply --atomic: killed, the copy is what it was" cmp "$work/copy" "$work/before"
rm -f "$work"/.copy.dmsnap-*

# Written only after the old contents are durable
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
	check "apply --undo: first what is overwritten, then what overwrites it" in_order
fi

fresh
chmod 640 "$work/copy"
inode=$(stat -c %i "$work/copy")
check "apply --atomic: applies" exits 0 "$dmsnap" apply --atomic "$work/copy" --input "$work/stream"
check "apply --atomic: all of it" cmp "$work/copy" "$work/origin"
check "apply --atomic: in another file" [ "$(stat -c %i "$work/copy")" != "$inode" ]
check "apply --atomic: with the rights of the old one" [ "$(stat -c %a "$work/copy")" = 640 ]
fresh
head -c "$((length / 2))" "$work/stream" > "$work/cut"
check "apply --atomic: half a stream" unchanged "$work/copy" exits 1 "$dmsnap" apply --atomic "$work/copy" --input "$work/cut"
check "apply --atomic: leaves nothing beside it" [ -z "$(find "$work" -name '.copy*')" ]
ln -s copy "$work/link"
check "apply --atomic: by a link" exits 0 "$dmsnap" apply --atomic "$work/link" --input "$work/stream"
check "apply --atomic: which stays" [ -L "$work/link" ]
check "apply --atomic: and leads to the new one" cmp "$work/copy" "$work/origin"
check "apply --atomic: holes stay" [ "$(stat -c %b "$work/copy")" -le "$(stat -c %b "$work/before")" ]
for words in '--undo x --atomic' '--undo x --dry-run'; do
	# shellcheck disable=SC2086 # several words
	check "apply: not $words" exits 2 "$dmsnap" apply $words "$work/copy" --input "$work/stream"
done

# After a restart, sda may be another device: the mark has the name that udev gives the copy
# with_devices COPY OTHER COMMAND...: the two devices have these names
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
	check "apply: half of a stream to a device" exits 1 with_devices sda sdb "$dmsnap" apply sda --input "$work/cut"
	check "apply: it is marked" exits 2 with_devices sda sdb "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: says so" complains 'sda: is half applied'
	check "apply: it is under another name, too" exits 2 with_devices sdb sda "$dmsnap" export --full --origin sdb --output "$work/none"
	check "apply: says so with that" complains 'sdb: is half applied'
	# The stream may bring what udev makes a link of
	touch "$work/dev.contents"
	check "apply: it holds a physical volume by now" exits 2 with_devices sdb sda "$dmsnap" export --full --origin sdb --output "$work/none"
	check "apply: it is half applied still" complains 'sdb: is half applied'
	rm "$work/dev.contents"
	check "apply: the one that has its name is not" exits 0 with_devices sdb sda "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: the same once more" exits 0 with_devices sdb sda "$dmsnap" apply sdb --input "$work/stream"
	check "apply: it is whole" [ -z "$(ls -A "$work/mark-state")" ]
	losetup -d "$other"
	losetup -d "$loop"

	# restart: a new loop device over the original contents
	restart()
	{
		rm -f "$work/none"
		fresh
		loop=$(losetup --show -f "$work/copy")
	}
	# without_links COMMAND...: udev has none, and the device says what is in the file identity
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
	restart
	echo naa.5000c500a1b2c3d4 > "$work/identity"
	check "apply: half of a stream, without udev" exits 1 without_links "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: it is marked by what the device says" [ -e "$work/mark-state/wwid-naa.5000c500a1b2c3d4.half-applied" ]
	check "apply: it is then, with udev" exits 2 without_links with_devices sda sdb "$dmsnap" export --full --origin sda --output "$work/none"
	check "apply: says so with udev" complains 'sda: is half applied'
	echo naa.5000c500a1b2c3d5 > "$work/identity"
	check "apply: another one is not" exits 0 without_links "$dmsnap" export --full --origin "$loop" --output "$work/none"
	echo ' naa.5000c500a1b2c3d4 ' > "$work/identity"
	check "apply: the same once more, without udev" exits 0 without_links "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: it is whole without udev" [ -z "$(ls -A "$work/mark-state")" ]
	losetup -d "$loop"

	# Whatever number a loop device has, and without one
	restart
	check "apply: half of a stream to a loop device" exits 1 "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: its file is marked" [ -e "$work/copy.half-applied" ]
	losetup -d "$loop"
	check "apply: it is half applied without one" exits 2 "$dmsnap" export --full --origin "$work/copy" --output "$work/none"
	check "apply: says so without one" complains 'copy: is half applied'
	other=$(losetup --show -f "$work/other")
	loop=$(losetup --show -f "$work/copy")
	check "apply: with another number" exits 2 "$dmsnap" export --full --origin "$loop" --output "$work/none"
	check "apply: says so with another number" complains 'loop[0-9]+: is half applied'
	check "apply: not another file that has its number" exits 0 "$dmsnap" export --full --origin "$other" --output "$work/none"
	check "apply: the same once more by that" exits 0 "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: it is whole by that" [ ! -e "$work/copy.half-applied" ]
	losetup -d "$loop"
	{ head -c 4096 /dev/zero && cat "$work/before"; } > "$work/shifted"
	loop=$(losetup --show -f -o 4096 "$work/shifted")
	check "apply: half of a stream to a part of a file" exits 1 "$dmsnap" apply "$loop" --input "$work/cut"
	check "apply: that part is marked" [ -e "$work/shifted@4096.half-applied" ]
	check "apply: the same once more to that part" exits 0 "$dmsnap" apply "$loop" --input "$work/stream"
	check "apply: it is whole, too" [ ! -e "$work/shifted@4096.half-applied" ]
	losetup -d "$other"
	losetup -d "$loop"
else
	echo "1 skipped"
fi
rm -f "$work/none"
