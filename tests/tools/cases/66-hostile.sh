# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Hostile input and invalid words.  A command refuses them; it neither crashes nor hangs nor
# prints the input's control sequences on a terminal.

# --- words ---------------------------------------------------------------------

check "export: an empty name for the origin" exits 2 "$dmsnap" export "$work/good" --origin ''
check "check: an empty name for the origin" exits 2 "$dmsnap" check "$work/good" --origin ''
check "check: an empty name for the store" exits 2 "$dmsnap" check ''
check "check: a negative number of findings" exits 2 "$dmsnap" check --max -1 "$work/good"
check "check: reports the negative number" complains '^dmsnap: --max: "-1" is negative\. Try: dmsnap help$'
check "estimate: a status with a negative number" exits 2 "$dmsnap" estimate --for 60s --status '-5/10' --status '6/10'
check "estimate: the same status without the sign" exits 0 "$dmsnap" estimate --for 60s --status '5/10' --status '6/10'

# --- escape sequences ------------------------------------------------------------

# plain COMMAND...: its messages are UTF-8 without control characters
plain()
{
	"$@" > "$work/out" 2> "$work/err" || true
	[ -s "$work/err" ] && python3 -c '
import sys
text = open(sys.argv[1], "rb").read().decode("utf-8")
sys.exit(any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in text))' "$work/err"
}
escape=$'\e]0;owned\a\e[2J'
printf 'dmsnap-dump 1\nsectors %s\n' "$escape" > "$work/bad"
check "restore: an invalid number" plain "$dmsnap" restore "$work/none" --input "$work/bad"
check "restore: escapes it" complains 'line 2: "\\x1b\]0;owned\\x07\\x1b\[2J" is not a number'
printf 'dmsnap-dump 1\n%s\n' $'\xc2\x9b31m\xff' > "$work/bad"
check "restore: a line that is not UTF-8" plain "$dmsnap" restore "$work/none" --input "$work/bad"
check "a path" plain "$dmsnap" check "$work/$escape"
check "an unknown command with control sequences" plain "$dmsnap" "$escape"
printf 'fio version 2 iolog\n/dev/x write %s 4096\n' "$escape" > "$work/bad"
check "estimate: fio's log" plain "$dmsnap" estimate --fio-log "$work/bad"
check "a name with a newline" exits 2 "$dmsnap" estimate --fio-log $'a\nb'
check "the newline is escaped" complains '^dmsnap: a\\x0ab: '

# --- fio's logs --------------------------------------------------------------------

# 3000 files, each written at the same offset
python3 -c '
print("fio version 2 iolog")
for file in range(3000):
    print(f"/dev/x{file} write 4096 4096")' > "$work/files"
check "estimate: many files in one log" exits 0 "$dmsnap" estimate --json --fio-log "$work/files" --chunk-size 4K
check "estimate: files share no chunks" json 'd["chunk_sizes"][0]["exceptions"] == 3000'
printf 'fio version 2 iolog\n/dev/x write 0 1099511627776\n' > "$work/huge"
check "estimate: one write of 1 TiB" exits 0 timeout 5 "$dmsnap" estimate --json --fio-log "$work/huge" --chunk-size 512
check "estimate: counts its chunks" json 'd["chunk_sizes"][0]["exceptions"] == 1 << 31'
check "estimate: an unreadable log" exits 2 "$dmsnap" estimate --fio-log "$work"
check "estimate: reports that reading failed" complains 'reading failed'
printf 'fio version 2 iolog\n/dev/x write 0 4096 %s\n' "$(printf '%9000s' x)" > "$work/bad"
check "estimate: a line that is too long" exits 2 "$dmsnap" estimate --fio-log "$work/bad"
