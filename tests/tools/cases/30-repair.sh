# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# repaired STORE [OPTIONS]: makes a copy of it that is valid, and leaves the store as it was
repaired()
{
	local store=$1
	shift
	rm -f "$work/copy"
	unchanged "$work/$store" exits 0 "$dmsnap" repair "$work/$store" --output "$work/copy" "$@" &&
		exits 0 "$dmsnap" check "$work/copy"
}

check "repair: a good store needs none" exits 0 "$dmsnap" repair "$work/good"
check "repair: and it says so" says '^nothing to repair$'
check "repair: only tells, at first" unchanged "$work/hostile" exits 1 "$dmsnap" repair "$work/hostile"
check "repair: what is lost" says '^lost: origin chunk 9 \(area 0, entry 1\)'
check "repair: how much" says '^of [0-9]+ entries [0-9]+ stay and 4 go; 3 chunks of the snapshot are lost$'
check "repair: what to do next" says '^nothing was written'
check "repair: as JSON" exits 1 "$dmsnap" repair --json "$work/hostile"
check "repair: is JSON" json 'd["dropped"] == 4 and d["lost_chunks"] == len(d["lost"]) == 3 and not d["repaired"]'
check "repair: drops impossible entries" repaired hostile
check "repair: and no others" exits 0 "$dmsnap" dump --json "$work/copy"
check "repair: by their number" json 'd["exceptions"] == json.load(open("'"$work"'/good.json"))["exceptions"] - 4'
check "repair: a list without an end" repaired endless
check "repair: which costs one" exits 0 "$dmsnap" dump --json "$work/copy"
check "repair: the last one" json 'd["exceptions"] == 511'
check "repair: a device that was cut" repaired truncated
cp "$work/hostile" "$work/copy"
check "repair: in place" exits 0 "$dmsnap" repair --in-place "$work/copy"
check "repair: and all is fine" exits 0 "$dmsnap" check "$work/copy"

put "$work/dead" 100 000000
check "repair: wipes dead entries" repaired dead
check "repair: and leaves none" says ' 0 noted$'

check "repair: does not make an invalid store valid" exits 0 "$dmsnap" repair "$work/invalid"
check "repair: unless forced to" repaired invalid --force
check "repair: and then nothing else is changed" cmp "$work/good" "$work/copy"
check "repair: a header needs the chunk size" exits 1 "$dmsnap" repair "$work/size"
check "repair: then it is created again" repaired size --chunk-size 8
check "repair: as it was" cmp "$work/good" "$work/copy"
check "repair: not with any chunk size" exits 2 "$dmsnap" repair "$work/size" --chunk-size 3
check "repair: another magic, too" repaired foreign --chunk-size 8 --force
check "repair: as it was" cmp "$work/good" "$work/copy"
for store in blank nothing; do
	check "repair: there is nothing in $store" exits 1 "$dmsnap" repair "$work/$store"
done
check "repair: not over another file" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/good"
check "repair: either a copy or in place" exits 2 "$dmsnap" repair "$work/hostile" --output "$work/x" --in-place
