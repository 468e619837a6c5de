# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

check "estimate: by a rate" exits 0 "$dmsnap" estimate --rate 1M/s --for 1h --volume 100G
check "estimate: lists several chunk sizes" says '^ +64\.0 KiB '
# 10 % of 1 GiB in chunks of 4 KiB: 26215 of data, 102 areas, the header and the end
check "estimate: by a rate relative to the volume" exits 0 "$dmsnap" estimate --json --rate 10%/d --for 1d --volume 1G --chunk-size 4K
check "estimate: is JSON" json 'd["chunk_sizes"][0]["exceptions_at_most"] == 26215'
check "estimate: counts the metadata" json 'd["chunk_sizes"][0]["cow_bytes_at_most"] == (26215 + 102 + 2) * 4096'
check "estimate: random writes need fewer" json 'd["chunk_sizes"][0]["exceptions_by_chance"] < 26215'
check "estimate: a rate above the volume's size" exits 0 "$dmsnap" estimate --json --rate 1G/s --for 1w --volume 1M --chunk-size 4K
check "estimate: is limited to the volume" json 'd["chunk_sizes"][0]["exceptions_at_most"] == 256'

printf '%s\n' 'fio version 2 iolog' '/dev/x add' '/dev/x open' '/dev/x write 0 4096' \
	'/dev/x read 409600 4096' '/dev/x write 0 4096' '/dev/x write 6144 4096' '/dev/x close' > "$work/iolog"
check "estimate: fio's iolog" exits 0 "$dmsnap" estimate --json --fio-log "$work/iolog" --chunk-size 4K --chunk-size 64K
check "estimate: counts the writes of the log" json 'd["writes"] == 3 and d["written_bytes"] == 12288'
check "estimate: counts the chunks of the log" json '[c["exceptions"] for c in d["chunk_sizes"]] == [3, 1]'
sed -e 's/version 2/version 3/' -e '2,$s/^/100 /' "$work/iolog" > "$work/iolog3"
check "estimate: fio's iolog of version 3" exits 0 "$dmsnap" estimate --json --fio-log "$work/iolog3" --chunk-size 4K
check "estimate: version 3 gives the same" json 'd["chunk_sizes"][0]["exceptions"] == 3'
printf '%s\n' '1, 500, 1, 4096, 0, 0' '2, 500, 0, 4096, 8192, 0' '3, 500, 1, 4096, 8192, 0' > "$work/bw"
check "estimate: fio's bandwidth log" exits 0 "$dmsnap" estimate --json --fio-log "$work/bw" --chunk-size 4K
check "estimate: counts the chunks of the bandwidth log" json 'd["chunk_sizes"][0]["exceptions"] == 2'
sed 's/, [0-9]*, 0$/, 0x0/' "$work/bw" > "$work/nowhere"
check "estimate: refuses a bandwidth log without offsets" exits 2 "$dmsnap" estimate --fio-log "$work/nowhere"
check "estimate: names the fio option" complains 'log_offset=1'
for bad in good nothing; do
	check "estimate: not $bad" exits 2 "$dmsnap" estimate --fio-log "$work/$bad"
done

check "estimate: the time until it is full" exits 0 "$dmsnap" estimate --json --for 60s --status '0 100000 snapshot 1000/100000 16' --status '0 100000 snapshot 2000/100000 16'
check "estimate: in seconds" json 'round(d["seconds_left"]) == 5880'
check "estimate: as a sentence" exits 0 "$dmsnap" estimate --for 60s --status '1000/100000 16' --status '2000/100000 16'
check "estimate: the sentence has a unit" says 'full in 98 min$'
check "estimate: full, with the next chunk past the end" exits 0 "$dmsnap" estimate --for 60s --status '300/331 4' --status '332/331 4'
check "estimate: reports that it is full" says '^100.0 % full, .* full in 0 s$'
check "estimate: nothing changes" exits 0 "$dmsnap" estimate --for 60s --status '1000/100000 16' --status '1000/100000 16'
check "estimate: reports that it does not fill" says 'not filling$'
check "estimate: already invalid" exits 1 "$dmsnap" estimate --for 60s --status '0 8 snapshot 1/8 1' --status '0 8 snapshot Invalid'
for words in '--status x --status y --for 1s' '--rate 1M/s' '--rate x/s --for 1h --volume 1G' '' \
	'--rate 1M/s --for 1h --volume 1Q' '--rate 1M/s --for 1x --volume 1G' \
	'--rate 1M/s --for 1h --volume 1G --chunk-size 5K' '--rate 1M/s --fio-log x'; do
	# shellcheck disable=SC2086 # several words
	check "estimate: refuses \"$words\"" exits 2 "$dmsnap" estimate $words
done
