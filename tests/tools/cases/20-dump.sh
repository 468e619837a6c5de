# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# restored STORE [OPTIONS]: restores a dump of the store and compares the result byte for byte
restored()
{
	local store=$1
	shift
	rm -f "$work/again"
	"$dmsnap" dump --for-restore "$@" "$work/$store" > "$work/dump" &&
		"$dmsnap" restore "$work/again" < "$work/dump" > /dev/null &&
		cmp "$work/$store" "$work/again"
}
same_metadata()
{
	cp "$work/good" "$work/again"
	dd if=/dev/urandom of="$work/again" bs=4096 count=2 conv=notrunc status=none
	"$dmsnap" restore --overwrite "$work/again" < "$work/dump" > /dev/null &&
		cmp "$work/good" "$work/again"
}

check "dump: a good store" exits 0 "$dmsnap" dump "$work/good"
check "dump: its header" says 'valid, version 1, 8 sectors a chunk$'
check "dump: its runs" says '^  entry +0  origin +[0-9]+  COW +2  count +[0-9]+$'
check "dump: its end" says '^end: area [0-9]+, entry [0-9]+; [0-9]+ exceptions$'
check "dump: as JSON" exits 0 "$dmsnap" dump --json "$work/good"
check "dump: --json prints JSON" is_json
check "dump: --json has all exceptions" json 'd["exceptions"] == sum(r["count"] for r in d["runs"]) > 60'
for store in empty hostile invalid endless truncated; do
	check "dump: $store" exits 0 "$dmsnap" dump --json "$work/$store"
	check "dump: $store is valid JSON" is_json
done
for store in blank nothing foreign version size; do
	check "dump: $store has nothing to dump" exits 1 "$dmsnap" dump "$work/$store"
done

for store in good empty endless invalid; do
	check "dump | restore: $store" restored "$store" --with-data
done
# Their data is unknown, so restore refuses them
for store in hostile truncated; do
	"$dmsnap" dump --for-restore "$work/$store" > "$work/one"
	rm -f "$work/again"
	"$dmsnap" restore --input "$work/one" "$work/again" > /dev/null
	check "dump | restore | dump: $store" exits 0 "$dmsnap" dump --for-restore "$work/again"
	check "dump | restore | dump: $store is the same" cmp "$work/one" "$work/out"
done
check "dump | restore: keeps dead entries and other bytes" restored dead --with-data

"$dmsnap" dump --for-restore "$work/good" > "$work/dump"
check "restore: metadata over other metadata" same_metadata
# A power cut must leave no old header with new areas, and no new header with old areas
if command -v strace > /dev/null; then
	check "restore: no header while areas are written" written_in_order 'zero flush write flush header flush ' "$work/again" "$dmsnap" restore --overwrite "$work/again" --input "$work/dump"
fi
cp "$work/good" "$work/again"
check "restore: refuses to overwrite a store" exits 2 "$dmsnap" restore "$work/again" --input "$work/dump"
check "restore: names the store that it would overwrite" complains 'holds DM_snapshot_cow, which is lost only with --overwrite'
rm -f "$work/again"
check "restore: refuses an empty input" exits 1 "$dmsnap" restore "$work/again" --input /dev/null
check "restore: says that the input is empty" complains 'dmsnap: the input is empty$'
check "restore: makes no file of an empty input" [ ! -e "$work/again" ]
sed '$d' "$work/dump" > "$work/short"
rm -f "$work/again"
truncate -s 8M "$work/again"
check "restore: refuses a truncated dump" exits 1 "$dmsnap" restore "$work/again" --input "$work/short"
check "restore: a failed restore leaves no store" exits 0 "$dmsnap" check "$work/again"
check "restore: check finds none" says '^no store'
rm -f "$work/again"
for line in 'run 1 2 99999999' 'area 99' 'entry 256' 'bytes 5 00' 'bytes 99999999999 00' 'bytes 4096 0g' 'what' 'run 1 2 x'; do
	rm -f "$work/again"
	sed "s/^end$/$line\nend/" "$work/dump" > "$work/bad"
	check "restore: not \"$line\"" exits 1 "$dmsnap" restore "$work/again" --input "$work/bad"
done
check "restore: refuses a file that is no dump" exits 1 "$dmsnap" restore "$work/again" --input "$work/good"
check "restore: refuses an empty file" exits 1 "$dmsnap" restore "$work/again" --input /dev/null
rm -f "$work/again"
check "restore: as JSON" exits 0 "$dmsnap" restore --json "$work/again" --input "$work/dump"
check "restore: is JSON" json 'd["entries"] > 60'
