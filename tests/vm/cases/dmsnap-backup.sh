# summary: an active volume is backed up by what changed between two active snapshots, and restored
# default: none
# guest: full
# tools: dmsnap
# timeout: 600

. /job/vm/lib-io.sh
. /job/vm/lib-dmsnap.sh

# copy_is SNAPSHOT: the copy must be the volume as it was when that snapshot was taken
copy_is()
{
	expect_eq "$(sum_of "$copy")" "${FROZEN[$1]}" "the copy of $1"
}

# changed_chunks COPY DEVICE: prints the numbers of the 4 KiB chunks in which they differ, one a line
changed_chunks()
{
	{ cmp -l "$1" "$2" || true; } | awk '{ chunk = int(($1 - 1) / 4096) } chunk != last { print chunk; last = chunk }'
}

all_in_ranges()
{
	awk 'NR == FNR { for (at = $1; at < $1 + $2; at += 4096) has[at / 4096] = 1; next }
		!($1 in has) { print; missing = 1 }
		END { exit missing }' "$1" "$2" || fail "these chunks are not in what diff says"
}

origin_make 16
copy=$(make_ram copy 16)
snap_take day0 P 8
# shellcheck disable=SC2154 # of lib-dmsnap.sh
"$dmsnap" export --full --origin "$(dm_path day0)" 2> /dev/null | "$dmsnap" apply "$copy" > "$TMP/out"
copy_is day0

note "three days"
# Runs until the end; no copy contains all of what it writes
writer_start user "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --size=4m --io_size=256k --randrepeat=0
chunk_sizes=(8 8 32 4)
for day in 1 2 3; do
	writers_move
	fio_run "$(dm_path org)" --rw=randwrite --bs=4k --offset=4m --size=12m --io_size=512k --randrepeat=0
	snap_take "day$day" P "${chunk_sizes[day]}"
	exits 0 diff "day$((day - 1))"
	mv "$TMP/out" "$TMP/ranges"
	changed_chunks "$copy" "$(dm_path "day$day")" > "$TMP/changed"
	[ "$(wc -l < "$TMP/changed")" -gt 100 ] || fail "next to nothing has changed"
	all_in_ranges "$TMP/ranges" "$TMP/changed"
	"$dmsnap" export "$(dm_path "day$((day - 1))")" --origin "$(dm_path "day$day")" 2> "$TMP/err" |
		tee "$TMP/stream.$day" | "$dmsnap" apply "$copy" > "$TMP/out"
	copy_is "day$day"
	snap_drop "day$((day - 1))"
done
snap_check day3

note "restored"
restored=$(make_ram restored 16)
"$dmsnap" export --full --origin "$copy" 2> /dev/null | "$dmsnap" apply "$restored" > "$TMP/out"
expect_eq "$(sum_of "$restored")" "${FROZEN[day3]}" "what was restored"

note "what was committed, by the snapshot's name and by its COW device"
fio_run "$(dm_path org)" --rw=write --bs=4k --offset=15m --size=64k
snap_take day4 P 8
writers_move
writers_stop
exits 0 diff --json day3
grep -qE '"committed": [1-9]' "$TMP/out" || fail "does not say how much was committed: $(head "$TMP/out")"
exits 0 diff day3
cp "$TMP/out" "$TMP/by-name"
exits 0 diff "$(dm_path cow-day3)"
same "$TMP/out" "$TMP/by-name"
exits 0 diff day3 --origin day4
same "$TMP/out" "$TMP/by-name"
# The same as from the inactive store
dmsetup remove day3
exits 0 diff "$(dm_path cow-day3)" --origin-size 16M
same "$TMP/out" "$TMP/by-name"
dm_create day3 "$(snap_table day3 P 8)"

note "refused"
exits 2 export day4 --origin day3 --output "$TMP/none"
complains 'day3 is older than day4, or somebody wrote to it'
exits 2 export day3 --origin "$(dm_path org)" --output "$TMP/none"
complains 'not another snapshot of the origin of day3'
exits 2 export day3 --origin day3 --output "$TMP/none"
complains 'not another snapshot'
snap_take fleeting N 8
exits 2 diff fleeting
complains 'store is transient'
snap_take tiny P 8 1
fio_run "$(dm_path org)" --rw=write --bs=4k --size=2m
exits 1 diff tiny
complains 'the snapshot is invalid'
exits 1 export day3 --origin tiny --output "$TMP/none"
[ ! -e "$TMP/none" ] || fail "a stream was begun"
mapfile -t names < <(snap_names)
for name in "${names[@]}"; do
	[ "$name" = day3 ] || snap_drop "$name"
done

note "refused by the in-tree driver"
dm_remove day3 org
load_module in-tree
org_load
dm_create day3 "$(snap_table day3 P 8)"
exits 2 diff day3
complains "its driver does not commit when it is told to"
dm_remove day3
exits 0 diff "$(dm_path cow-day3)"

note "stores that the in-tree driver writes"
snap_take old P 8
snap_take written P 32
"$dmsnap" export --full --origin "$(dm_path old)" 2> /dev/null | "$dmsnap" apply "$copy" > "$TMP/out"
fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --size=12m --io_size=1m --randrepeat=0
fio_run "$(dm_path written)" --rw=randwrite --bs=4k --iodepth=8 --io_size=1m
fio_run "$(dm_path org)" --rw=write --bs=64k --offset=12m --size=1m
dm_remove old written org
for name in old written; do
	exits 0 check "$(dm_path "cow-$name")" --origin "$(dm_path base)"
	"$dmsnap" dump --for-restore "$(dm_path "cow-$name")" > "$TMP/dump.$name"
	"$dmsnap" restore "$TMP/restored.$name" --input "$TMP/dump.$name" > "$TMP/out"
	"$dmsnap" dump --for-restore "$TMP/restored.$name" > "$TMP/dump.restored"
	same "$TMP/dump.$name" "$TMP/dump.restored"
done
"$dmsnap" export "$(dm_path cow-old)" --origin "$(dm_path base)" 2> /dev/null | "$dmsnap" apply "$copy" > "$TMP/out"
expect_eq "$(sum_of "$copy")" "$(sum_of "$(dm_path base)")" "the copy, brought up to date"
