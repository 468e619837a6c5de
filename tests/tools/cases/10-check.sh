# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

check "check: a good store passes" exits 0 "$dmsnap" check "$work/good" --origin "$work/origin"
check "check: nothing is wrong with it" says '^0 found wrong, 0 noted$'
check "check: an empty store passes" exits 0 "$dmsnap" check "$work/empty"
check "check: zeros are no store and no error" exits 0 "$dmsnap" check "$work/blank"
check "check: reports that there is no store" says '^no store'
for store in "${refused[@]}"; do
	check "check: $store is refused" exits 1 "$dmsnap" check "$work/$store"
	check "check: $store, as JSON" exits 1 "$dmsnap" check --json "$work/$store"
	check "check: $store is valid JSON" is_json
	check "check: $store has findings" json 'd["wrong"] == sum(not f["note"] for f in d["findings"]) > 0'
done
check "check: a store with several faults" exits 1 "$dmsnap" check "$work/hostile"
check "check: reports a chunk outside the COW device" says '^chunk 1, area 0, entry 1, byte 4112: COW chunk outside the COW device: origin chunk 9 in COW chunk 99999$'
check "check: reports data in a metadata area" says 'entry 3, byte 4144: COW chunk is the header or metadata'
check "check: reports a chunk that is used twice" says 'entry 5, byte 4176: COW chunk used twice'
check "check: reports a chunk outside the origin" says 'entry 7, byte 4208: origin chunk outside the origin'
check "check: reports the number of faults" says '^5 found wrong, 0 noted$'
check "check: --max limits the list" exits 1 "$dmsnap" check --max 3 "$work/truncated"
check "check: --max counts the rest" says '^[0-9]+ more of new_chunk_out_of_range$'
check "check: the origin is too small" exits 1 "$dmsnap" check "$work/good" --origin-size 64K
check "check: no such origin" exits 2 "$dmsnap" check "$work/good" --origin "$work/none"
check "check: no such store" exits 2 "$dmsnap" check "$work/none"
check "check: a directory" exits 2 "$dmsnap" check "$work"
check "check: no argument" exits 2 "$dmsnap" check
check "check: does not write to the store" unchanged "$work/hostile" exits 1 "$dmsnap" check "$work/hostile"

# 1 TiB, of which 64 MiB are garbage: chunks of 512 bytes, invalid entries and no end of the list
truncate -s 1T "$work/large"
dd if=/dev/urandom of="$work/large" bs=1M count=64 conv=notrunc status=none
put "$work/large" 0 "536e41700100000001000000 01000000"
limited()
{
	# The sanitizers need an unlimited address space
	([ -n "${SAN:-}" ] || ulimit -v 400000 && timeout 120 "$dmsnap" "$@" > "$work/out" 2> "$work/err") || return $?
}
large_is_refused()
{
	local code=0
	limited check --quiet --max 2 "$work/large" || code=$?
	[ "$code" = 1 ]
}
check "check: 1 TiB of garbage takes little memory" large_is_refused
check "check: counts the faults in the garbage" says 'found wrong'
