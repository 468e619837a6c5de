# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# repaired STORE [OPTIONS]: makes a good copy of the store and does not write to the store
repaired()
{
	local store=$1
	shift
	rm -f "$work/copy"
	unchanged "$work/$store" exits 0 "$dmsnap" repair "$work/$store" --output "$work/copy" "$@" &&
		exits 0 "$dmsnap" check "$work/copy"
}

check "repair: a good store" exits 0 "$dmsnap" repair "$work/good"
check "repair: has nothing to repair" says '^nothing to repair$'
check "repair: only reports by default" unchanged "$work/hostile" exits 1 "$dmsnap" repair "$work/hostile"
check "repair: reports what would be lost" says '^lost: origin chunk 9 \(area 0, entry 1\)'
check "repair: reports how much would be lost" says '^entries: [0-9]+, kept: [0-9]+, dropped: 4; lost chunks of the snapshot: 3$'
check "repair: says that nothing was written" says '^nothing was written'
check "repair: as JSON" exits 1 "$dmsnap" repair --json "$work/hostile"
check "repair: --json prints the report" json 'd["dropped"] == 4 and d["lost_chunks"] == len(d["lost"]) == 3 and not d["repaired"]'
check "repair: drops impossible entries" repaired hostile
check "repair: the copy can be dumped" exits 0 "$dmsnap" dump --json "$work/copy"
check "repair: no other entries are dropped" json 'd["exceptions"] == json.load(open("'"$work"'/good.json"))["exceptions"] - 4'
check "repair: a list without an end" repaired endless
check "repair: its copy can be dumped" exits 0 "$dmsnap" dump --json "$work/copy"
check "repair: loses only the last entry" json 'd["exceptions"] == 511'
check "repair: a truncated device" repaired truncated
cp "$work/hostile" "$work/copy"
check "repair: in place" exits 0 "$dmsnap" repair --in-place "$work/copy"
check "repair: the result passes check" exits 0 "$dmsnap" check "$work/copy"

put "$work/dead" 100 000000
check "repair: wipes dead entries" repaired dead
check "repair: leaves no dead entries" says ' 0 noted$'

check "repair: leaves an invalid store invalid" exits 0 "$dmsnap" repair "$work/invalid"
check "repair: --force makes an invalid store valid" repaired invalid --force
check "repair: --force changes nothing else" cmp "$work/good" "$work/copy"
check "repair: a lost header needs --chunk-size" exits 1 "$dmsnap" repair "$work/size"
check "repair: rewrites the header with --chunk-size" repaired size --chunk-size 8
check "repair: the header is the same again" cmp "$work/good" "$work/copy"
check "repair: refuses an invalid chunk size" exits 2 "$dmsnap" repair "$work/size" --chunk-size 3
check "repair: rewrites a header with an unknown magic" repaired foreign --chunk-size 8 --force
check "repair: that header is the same again" cmp "$work/good" "$work/copy"
for store in blank nothing; do
	check "repair: nothing to repair in $store" exits 1 "$dmsnap" repair "$work/$store"
done
check "repair: refuses to overwrite another file" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/good"
check "repair: refuses both --output and --in-place" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/x" --in-place
