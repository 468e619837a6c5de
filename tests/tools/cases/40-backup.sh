# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# differing A B: prints the numbers of the 4 KiB chunks that differ, one a line
differing()
{
	{ cmp -l "$1" "$2" || true; } | awk '{ print int(($1 - 1) / 4096) }' | uniq
}
# Succeeds if all of these are in the ranges of diff
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
check "diff: has all chunks that differ" covered
check "diff: of a snapshot without changes" exits 0 "$dmsnap" diff "$work/empty"
check "diff: is empty" [ ! -s "$work/out" ]
check "diff: as JSON" exits 0 "$dmsnap" diff --json "$work/good"
check "diff: --json prints the ranges" json 'd["total"]["bytes"] == sum(r["length"] for r in d["ranges"]) > 0'
for store in "${refused[@]}" blank; do
	check "diff: refuses $store" exits 1 "$dmsnap" diff "$work/$store"
	check "export: refuses $store" exits 1 "$dmsnap" export "$work/$store" --origin "$work/origin"
done

rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
check "apply: --dry-run writes nothing" unchanged "$work/copy" exits 0 "$dmsnap" apply --dry-run "$work/copy" --input "$work/stream"
check "apply: to a copy" exits 0 "$dmsnap" apply "$work/copy" --input "$work/stream"
check "apply: the copy equals the volume" cmp "$work/copy" "$work/origin"
check "apply: a second time writes nothing" unchanged "$work/copy" exits 0 "$dmsnap" apply --json "$work/copy" --input "$work/stream"
check "apply: --json has the counts" json 'd["written_bytes"] == 0 and d["there_bytes"] > 0'

slowly()
{
	rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
	{
		head -c 200000 "$work/stream"
		sleep 1.5
		tail -c +200001 "$work/stream"
	} | exits 0 "$dmsnap" apply "$work/copy" "$@"
}
check "apply: a slow stream" slowly
check "apply: shows its progress" complains '^applying, at most: [0-9]+ %, [0-9]+:[0-9]{2} left, ends [0-9:]{8}$'
check "apply --progress json" slowly --progress json
progress_is_json() { python3 -c 'import json, sys; d = [json.loads(line) for line in open(sys.argv[1])]; sys.exit(not (d and all(0 < one["done"] < one["total"] for one in d)))' "$work/err"; }
check "apply --progress json: prints a document a line" progress_is_json
check "apply --progress bar" slowly --progress bar
check "apply --progress bar: redraws its line, and removes it" complains $'^\r\e\\[Kapplying, at most: .*\r\e\\[K$'
for style in '--progress none' --quiet; do
	# shellcheck disable=SC2086 # several words
	check "apply $style" slowly $style
	check "apply $style: shows none" [ ! -s "$work/err" ]
done

"$maker" volume "$work/other" 8004 99
check "apply: refuses another volume" exits 1 "$dmsnap" apply "$work/other" --input "$work/stream"
check "apply: says that it is another volume" complains 'another copy'
check "apply: --any-base takes another volume" exits 0 "$dmsnap" apply --any-base "$work/other" --input "$work/stream"
truncate -s 1M "$work/small"
check "apply: refuses a volume of another size" exits 1 "$dmsnap" apply "$work/small" --input "$work/stream"
check "apply: the target is missing" exits 2 "$dmsnap" apply "$work/none" --input "$work/stream"

# damaged OFFSET: a stream with a changed byte is refused, and no wrong data is written
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
	check "apply: refuses a stream with a bad byte $offset" damaged "$offset" a55a
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
# Removes the first record, a head of 56 bytes and its data
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
check "apply: refuses a stream without one of its records" missing

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
check "backup: the restored copy equals the volume" cmp "$work/volume" "$work/restored"
rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
for increment in 1 2 3; do
	check "backup: increment $increment from its file" exits 0 "$dmsnap" apply "$work/copy" --input "$work/increment-$increment"
	check "backup: gives the volume of increment $increment" cmp "$work/volume-$increment" "$work/copy"
done
rm -f "$work/copy.half-applied" && cp "$work/before" "$work/copy"
check "backup: refuses an increment out of order" exits 1 "$dmsnap" apply "$work/copy" --input "$work/increment-3"
check "export: refuses both a store and --full" exits 2 "$dmsnap" export --full "$work/good" --origin "$work/origin"
check "export: needs a store or --full" exits 2 "$dmsnap" export --origin "$work/origin"
check "export: to a file" exits 0 "$dmsnap" export --json "$work/good" --origin "$work/origin" --output "$work/file"
check "export: the file equals standard output" cmp "$work/file" "$work/stream"
check "export: refuses to overwrite a file" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --output "$work/file"

# --- data that need not be read --------------------------------------------------------

truncate -s 300M "$work/sparse"
dd if="$work/origin" of="$work/sparse" bs=1M count=2 seek=200 conv=notrunc status=none
# reads FILE COMMAND...: prints how many times the command reads the file
reads()
{
	strace -f -y -e trace=pread64 -o "$work/calls" "${@:2}" > "$work/out" 2> "$work/err" || return 1
	grep -c "pread64([0-9]*<[^>]*/[.]*$1" "$work/calls" || true
}
if command -v strace > /dev/null; then
	check "export: does not read holes" [ "$(reads sparse "$dmsnap" export --full --origin "$work/sparse" --output "$work/sparse-stream")" -le 4 ]
	check "apply: does not read a file that it has made" [ "$(reads sparse-copy "$dmsnap" apply "$work/sparse-copy" --input "$work/sparse-stream")" = 0 ]
	check "apply: the copy equals the sparse volume" cmp "$work/sparse" "$work/sparse-copy"
	check "apply: the copy has the same holes" [ "$(stat -c %b "$work/sparse-copy")" -le "$(stat -c %b "$work/sparse")" ]
fi
cp --sparse=never "$work/origin" "$work/dense-copy"
"$dmsnap" export --full --origin "$work/before" > "$work/stream-before" 2> "$work/err"
check "apply --atomic: writes zeros over data" exits 0 "$dmsnap" apply --atomic --any-base "$work/dense-copy" --input "$work/stream-before"
check "apply --atomic: the zeros are there" cmp "$work/dense-copy" "$work/before"

# --- an interrupted export -------------------------------------------------------------

size=$(stat -c %s "$work/stream")
resume() { "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/part" "$@"; }
# Cut in the stream head, a record head, record data, before the end, in it, and after it
for bytes in 0 1 39 40 41 96 97 20000 $((size - 57)) $((size - 56)) $((size - 1)) "$size"; do
	head -c "$bytes" "$work/stream" > "$work/part"
	check "export --resume: after $bytes bytes" exits 0 resume
	check "export --resume: equals an uninterrupted export" cmp "$work/part" "$work/stream"
done
check "export --resume: reports the totals" says "^exported [0-9]+ bytes in [0-9]+ records"
check "export --resume: as JSON" exits 0 resume --json
check "export --resume: the report is JSON" is_json
cp "$work/stream" "$work/part" && put "$work/part" 20000 "$(printf '%02x' $((0x$(od -An -tx1 -j 20000 -N 1 "$work/part" | tr -d " ") ^ 1)))"
check "export --resume: refuses a part of another stream" unchanged "$work/part" exits 1 resume
check "export --resume: says where it differs" complains '^dmsnap: .*/part: is not the beginning of this stream: byte 20000 differs'
cp "$work/stream" "$work/part" && echo >> "$work/part"
check "export --resume: refuses a file longer than the stream" unchanged "$work/part" exits 1 resume
check "export --resume: reports that" complains 'is not the beginning of this stream, which has'
head -c 20000 "$work/stream" > "$work/part"
check "export --resume: refuses another origin" unchanged "$work/part" exits 1 "$dmsnap" export "$work/good" --origin "$work/before" --resume "$work/part"
check "export --resume: refuses --full for an increment" unchanged "$work/part" exits 1 "$dmsnap" export --full --origin "$work/origin" --resume "$work/part"
check "export --resume: no such file" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/none"
check "export --resume: refuses a device" exits 2 "$dmsnap" export "$work/good" --origin "$work/origin" --resume /dev/null
check "export --resume: refuses --output" exits 2 resume --output "$work/none"
check "export --resume: refuses a locked file" exits 2 flock "$work/part" "$dmsnap" export "$work/good" --origin "$work/origin" --resume "$work/part"
"$dmsnap" export --full --origin "$work/origin" > "$work/whole" 2> /dev/null
head -c 3000000 "$work/whole" > "$work/part"
check "export --resume: of a full export" exits 0 "$dmsnap" export --full --origin "$work/origin" --resume "$work/part"
check "export --resume: equals an uninterrupted full export" cmp "$work/part" "$work/whole"
