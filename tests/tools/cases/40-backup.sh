# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# differing A B: the chunks of 4 KiB in which they differ, one number a line
differing()
{
	{ cmp -l "$1" "$2" || true; } | awk '{ print int(($1 - 1) / 4096) }' | uniq
}
# all of these are in the ranges of diff
covered()
{
	differing "$work/before" "$work/origin" | python3 -c '
import sys
chunks = set()
for line in open(sys.argv[1]):
    offset, length = map(int, line.split())
    chunks.update(range(offset // 4096, (offset + length + 4095) // 4096))
sys.exit(not set(map(int, sys.stdin)) <= chunks)' "$work/out"
}

check "diff: of a good store" exits 0 "$dmsnap" diff "$work/good" --origin "$work/origin"
check "diff: has all that differs" covered
check "diff: of one to which nothing happened" exits 0 "$dmsnap" diff "$work/empty"
check "diff: is empty" [ ! -s "$work/out" ]
check "diff: as JSON" exits 0 "$dmsnap" diff --json "$work/good"
check "diff: is JSON" json 'd["total"]["bytes"] == sum(r["length"] for r in d["ranges"]) > 0'
for store in "${refused[@]}" blank; do
	check "diff: not of $store" exits 1 "$dmsnap" diff "$work/$store"
	check "export: not of $store" exits 1 "$dmsnap" export "$work/$store" --origin "$work/origin"
done

rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
check "apply: the copy is right" unchanged "$work/copy" exits 0 "$dmsnap" apply --dry-run "$work/copy" --input "$work/stream"
check "apply: to a copy" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply: gives the volume" cmp "$work/copy" "$work/origin"
check "apply: again does nothing" unchanged "$work/copy" exits 0 "$dmsnap" apply --json "$work/copy" --input "$work/stream"
check "apply: is JSON" json 'd["written_bytes"] == 0 and d["there_bytes"] > 0'

slowly()
{
	rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
	{
		head -c 200000 "$work/stream"
		sleep 1.5
		tail -c +200001 "$work/stream"
	} | exits 0 "$dmsnap" apply "$work/copy"
}
check "apply: a stream that takes its time" slowly
check "apply: shows how far it is" complains '^applying, at most: [0-9]+ %, [0-9]+:[0-9]{2} left, ends [0-9:]{8}$'

"$maker" volume "$work/other" 8004 99
check "apply: not to another volume" exits 1 "$dmsnap" apply "$work/other" --input "$work/stream"
check "apply: and says so" complains 'another copy'
check "apply: unless told to" exits 0 "$dmsnap" apply --any-base "$work/other" --input "$work/stream"
truncate -s 1M "$work/small"
check "apply: not to one of another size" exits 1 "$dmsnap" apply "$work/small" --input "$work/stream"
check "apply: not to a missing target" exits 2 "$dmsnap" apply "$work/none" --input "$work/stream"

# damaged OFFSET: a stream with a changed byte there is refused, and no wrong data gets to a copy
damaged()
{
	cp "$work/stream" "$work/damaged"
	put "$work/damaged" "$1" "$2"
	rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
	exits 1 "$dmsnap" apply "$work/copy" --input "$work/damaged" &&
		exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream" &&
		cmp "$work/copy" "$work/origin"
}
length=$(stat -c %s "$work/stream")
for offset in 0 9 17 41 60 97 5000 $((length / 2)) $((length - 30)); do
	check "apply: a stream that is wrong at byte $offset" damaged "$offset" a55a
done
shortened()
{
	head -c "$1" "$work/stream" > "$work/damaged"
	rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
	exits 1 "$dmsnap" apply "$work/copy" --input "$work/damaged"
}
for size in 0 20 40 60 5000 $((length - 56)) $((length - 1)); do
	check "apply: a stream of $size bytes" shortened "$size"
done
# The first record (a head of 56 bytes, and data) taken out
missing()
{
	python3 - "$work/stream" "$work/damaged" <<-'END'
		import struct, sys
		stream = open(sys.argv[1], "rb").read()
		kind, length = struct.unpack_from("<II", stream, 40)
		with open(sys.argv[2], "wb") as file:
		    file.write(stream[:40] + stream[40 + 56 + (length if kind == 1 else 0):])
	END
	rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
	exits 1 "$dmsnap" apply "$work/copy" --input "$work/damaged"
}
check "apply: a stream without a record" missing

# The example of the manual: a full backup, three increments, and a restore.
# Each increment is followed by a new snapshot.
"$dmsnap" export --full --origin "$work/before" 2> /dev/null | "$dmsnap" apply "$work/backup" > "$work/out"
check "backup: full" cmp "$work/before" "$work/backup"
cp "$work/before" "$work/volume"
for increment in 1 2 3; do
	# Large chunks, small ones, and some longer than a record
	chunk=$((increment == 1 ? 8 : increment == 2 ? 1 : 4096))
	rm -f "$work/store"
	truncate -s 40M "$work/store"
	"$maker" snapshot "$work/volume" "$work/store" "$chunk" 30 $((10 + increment))
	cp "$work/volume" "$work/volume-$increment"
	"$dmsnap" export "$work/store" --origin "$work/volume" 2> /dev/null |
		tee "$work/increment-$increment" | "$dmsnap" apply "$work/backup" > "$work/out"
	check "backup: increment $increment" cmp "$work/volume" "$work/backup"
done
"$dmsnap" export --full --origin "$work/backup" 2> /dev/null | "$dmsnap" apply "$work/restored" > "$work/out"
check "backup: restored, it is the volume" cmp "$work/volume" "$work/restored"
rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
for increment in 1 2 3; do
	check "backup: increment $increment from its file" exits 0 "$dmsnap" apply "$work/copy" --input "$work/increment-$increment"
	check "backup: the volume of that time" cmp "$work/volume-$increment" "$work/copy"
done
rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
check "backup: an increment that is out of turn" exits 1 "$dmsnap" apply "$work/copy" --input "$work/increment-3"
check "export: either a store or all" exits 2 "$dmsnap" export --full "$work/good" --origin "$work/origin"
check "export: one of them" exits 2 "$dmsnap" export --origin "$work/origin"
check "export: to a file" exits 0 "$dmsnap" export --json "$work/good" --origin "$work/origin" --output "$work/file"
check "export: which is the same" cmp "$work/file" "$work/stream"
check "export: not over a file" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --output "$work/file"

# --- parts that need not be read ------------------------------------------------------

truncate -s 300M "$work/sparse"
dd if="$work/origin" of="$work/sparse" bs=1M count=2 seek=200 conv=notrunc status=none
# reads FILE COMMAND...: prints how often the command reads it
reads()
{
	strace -f -y -e trace=pread64 -o "$work/calls" "${@:2}" > "$work/out" 2> "$work/err" || return 1
	grep -c "pread64([0-9]*<[^>]*/[.]*$1" "$work/calls" || true
}
if command -v strace > /dev/null; then
	check "export: holes are not read" [ "$(reads sparse "$dmsnap" export --full --origin "$work/sparse" --output "$work/sparse-stream")" -le 4 ]
	check "apply: what it makes is not read" [ "$(reads sparse-copy "$dmsnap" apply "$work/sparse-copy" --input "$work/sparse-stream")" = 0 ]
	check "apply: and is what was exported" cmp "$work/sparse" "$work/sparse-copy"
	check "apply: with its holes" [ "$(stat -c %b "$work/sparse-copy")" -le "$(stat -c %b "$work/sparse")" ]
fi
cp --sparse=never "$work/origin" "$work/dense-copy"
"$dmsnap" export --full --origin "$work/before" > "$work/stream-before" 2> "$work/err"
check "apply --atomic: zeros over data" exits 0 "$dmsnap" apply --atomic --any-base "$work/dense-copy" --input "$work/stream-before"
check "apply --atomic: are zeros" cmp "$work/dense-copy" "$work/before"

# --- an export that was interrupted ---------------------------------------------------

size=$(stat -c %s "$work/stream")
resume() { "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/part" "$@"; }
# In the head, a record's head, a record's data, before the end, in the end, behind it
for bytes in 0 1 39 40 41 96 97 20000 $((size - 57)) $((size - 56)) $((size - 1)) "$size"; do
	head -c "$bytes" "$work/stream" > "$work/part"
	check "export --resume: after $bytes bytes" exits 0 resume
	check "export --resume: is as one that was not interrupted" cmp "$work/part" "$work/stream"
done
check "export --resume: says what it has" says "^exported [0-9]+ bytes in [0-9]+ records"
check "export --resume: as JSON" exits 0 resume --json
check "export --resume: which it is" is_json
cp "$work/stream" "$work/part" && put "$work/part" 20000 "$(printf '%02x' $((0x$(od -An -tx1 -j 20000 -N 1 "$work/part" | tr -d " ") ^ 1)))"
check "export --resume: not of another stream" unchanged "$work/part" exits 1 resume
check "export --resume: it says where" complains '^dmsnap: .*/part: is not the beginning of this stream: byte 20000 differs'
cp "$work/stream" "$work/part" && echo >> "$work/part"
check "export --resume: not of a longer one" unchanged "$work/part" exits 1 resume
check "export --resume: and says so" complains 'is not the beginning of this stream, which has'
head -c 20000 "$work/stream" > "$work/part"
check "export --resume: not from another origin" unchanged "$work/part" exits 1 "$dmsnap" export "$work/good" --origin "$work/before" --resume "$work/part"
check "export --resume: not all of the volume" unchanged "$work/part" exits 1 "$dmsnap" export --full --origin "$work/origin" --resume "$work/part"
check "export --resume: nothing there" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/none"
check "export --resume: not a file" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --resume /dev/null
check "export --resume: or a new file" exits 2 resume --output "$work/none"
check "export --resume: one at a time" exits 2 flock "$work/part" "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/part"
"$dmsnap" export --full --origin "$work/origin" > "$work/whole" 2> /dev/null
head -c 3000000 "$work/whole" > "$work/part"
check "export --resume: of all of the volume" exits 0 "$dmsnap" export --full --origin "$work/origin" --resume "$work/part"
check "export --resume: is as one that was not interrupted" cmp "$work/part" "$work/whole"
