# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2034,SC2154 # sourced by ../run
#
# The stores that the other cases use.

# A volume of 1000.5 chunks, a snapshot of it, and the volume's old contents
"$maker" volume "$work/origin" 8004 1
cp "$work/origin" "$work/before"
truncate -s 8M "$work/good"
"$maker" snapshot "$work/origin" "$work/good" 8 60 2

# A snapshot without changes; a device without a store; an empty file
truncate -s 1M "$work/empty" "$work/blank"
cp "$work/before" "$work/quiet"
"$maker" snapshot "$work/quiet" "$work/empty" 8 0 3
true > "$work/nothing"

# Too short: used chunks are missing at the end
cp "$work/good" "$work/truncated"
truncate -s 100K "$work/truncated"

# Four bad entries among good ones
cp "$work/good" "$work/hostile"
put "$work/hostile" $((4096 + 16)) "$(entry 9 99999)"
put "$work/hostile" $((4096 + 48)) "$(entry 9 258)"
put "$work/hostile" $((4096 + 80)) "$(entry 9 2)"
put "$work/hostile" $((4096 + 112)) "$(entry 18446744073709551615 18446744073709551615)"

# There is room for two areas, and both are full
truncate -s $((514 * 4096)) "$work/endless"
python3 - "$work/endless" <<-'END'
	import struct, sys
	with open(sys.argv[1], "r+b") as file:
	    file.write(struct.pack("<4sIII", b"SnAp", 1, 1, 8))
	    for n in range(512):
	        file.seek((1 + n // 256 * 257) * 4096 + n % 256 * 16)
	        file.write(struct.pack("<QQ", n, 2 + n + n // 256))
END

# Marked invalid
cp "$work/good" "$work/invalid"
put "$work/invalid" 4 00000000

# Dead entries after the end of the list, and other bytes after the header
cp "$work/good" "$work/dead"
"$dmsnap" dump --json "$work/good" > "$work/good.json"
end=$(python3 -c 'import json, sys; end = json.load(sys.stdin)["end"]; print((1 + 257 * end["area"]) * 4096 + 16 * end["entry"])' < "$work/good.json")
put "$work/dead" $((end + 32)) "$(entry 5 0)$(entry 7 7)"
put "$work/dead" 100 aabbcc

# No store, an unknown version, and an invalid chunk size
cp "$work/good" "$work/foreign"
put "$work/foreign" 0 deadbeef
cp "$work/good" "$work/version"
put "$work/version" 8 02000000
cp "$work/good" "$work/size"
put "$work/size" 12 03000000

refused=(truncated hostile endless invalid foreign version size nothing)

# The changes since the snapshot
"$dmsnap" export "$work/good" --origin "$work/origin" 2> /dev/null > "$work/stream"
