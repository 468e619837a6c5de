# summary: power cuts at random moments of a merge under writes, with the drivers in turn, lose and undo nothing
# default: none
# boots: 5
# modules: ours in-tree ours in-tree ours
# disks: 16M 24M
# timeout: 240

# Each boot continues the merge, checks all of the origin, writes for some seconds
# while the merge runs, and loses its power.  The last one checks, and merges to the end.
# tests/vm/power-cuts cuts in other ways, but with one driver.
#
# The journal of the writes is in $RESULTS, so it leaves the guest at once: it has a line before
# each write, and one after the write was flushed.  The host also keeps what the guest has not
# flushed: a cut falls between requests, and loses none that was answered.

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# Each sector of the snapshot is a line "s SECTOR 0 0", each sector that was written to
# the origin while it was merged "s SECTOR WRITER ROUND".
readonly WRITERS_COUNT=3 BLOCK_SECTORS=8

# write_journaled WRITER ROUND BLOCK BLOCKS: writes to the journal "begin|end ROUND BLOCK BLOCKS"
write_journaled()
{
	local journal=$RESULTS/journal-$1 new=$TMP/new-$1 lines=() i
	for ((i = $3 * BLOCK_SECTORS; i < ($3 + $4) * BLOCK_SECTORS; i++)); do
		lines+=("s $i $1 $2")
	done
	printf '%-511s\n' "${lines[@]}" > "$new"
	echo "begin $2 $3 $4" >> "$journal"
	dd if="$new" of="$(dm_path org)" bs="$(($4 * 4))k" oflag=direct,seek_bytes conv=notrunc,fsync \
		seek="$(($3 * 4096))" status=none
	echo "end $2 $3 $4" >> "$journal"
	# Every fourth is read again, because new processes take most of the time here
	if [ $(($2 % 4)) -eq 0 ]; then
		dd if="$(dm_path org)" bs="$(($4 * 4))k" iflag=direct,skip_bytes skip="$(($3 * 4096))" count=1 status=none |
			cmp - "$new" >&2
	fi
}

# writer NUMBER: writes its own blocks, in every WRITERS_COUNT-th stretch of 8, half of them
# close to the position of the merge
writer()
{
	local stretches=$((SIZE / BLOCK_SECTORS / 8 / WRITERS_COUNT)) round stretch at
	RANDOM=$SRANDOM
	for ((round = STAGE * 100000; ; round++)); do
		pick "$stretches"
		stretch=$PICKED
		if [ $((RANDOM % 2)) -eq 0 ]; then
			pick 4
			at=$(($(< "$TMP/front") / BLOCK_SECTORS / 8 / WRITERS_COUNT - PICKED))
			[ "$at" -lt 0 ] || [ "$at" -ge "$stretches" ] || stretch=$at
		fi
		pick 8
		at=$PICKED
		pick $((8 - at))
		write_journaled "$1" "$round" "$(((stretch * WRITERS_COUNT + $1 - 1) * 8 + at))" "$((PICKED + 1))"
	done
}

# A merge makes small batches beside other users of the device
reader_start()
{
	fio --name=reader --filename="$(dm_path org)" --rw=randread --bs=4k --direct=1 --rate_iops=200 \
		--time_based --runtime=1000 --output="$TMP/reader.out" > /dev/null &
}

# take DEVICE: copies its contents and the current journals
take()
{
	dd if="$(dm_path "$1")" of="$TMP/contents" bs=1M iflag=direct status=none
	cp "$RESULTS"/journal-* "$TMP"
}

# Checks what take has copied: each sector must have the last contents that were flushed, or
# those of a write that began later
check()
{
	awk -v sectors="$SIZE" -v per_block="$BLOCK_SECTORS" '
		FILENAME ~ /journal/ {
			writer = FILENAME
			sub(/.*journal-/, "", writer)
			# The cut interrupted this line
			if (NF < 4)
				next
			for (b = $3; b < $3 + $4; b++) {
				if ($1 == "begin")
					allowed[b] = allowed[b] "," writer " " $2 ","
				else
					allowed[b] = last[b] = "," writer " " $2 ","
				touched[b] = 1
			}
			next
		}
		{
			s = FNR - 1
			b = int(s / per_block)
			ok = $1 == "s" && $2 == s
			if (b in touched && index(allowed[b], "," $3 " " $4 ","))
				written++
			else if (!ok || (b in last) || $3 != 0 || $4 != 0)
				bad = bad "sector " s " has: " substr($0, 1, 40) ", not " (b in touched ? allowed[b] : "the snapshot") "\n"
			else
				old++
			if (!ok || length(bad) > 2000)
				exit
		}
		END {
			if (bad == "" && old + written != sectors)
				bad = old + written + 0 " sectors of " sectors " are right"
			printf "%s", bad
			print "-- " old + 0 " sectors of the snapshot, " written + 0 " written" > "/dev/stderr"
			exit bad != ""
		}' "$TMP"/journal-* "$TMP/contents" || fail "wrong contents"
}

SIZE=$(sectors "$(disk 0)")
dm_create base "0 $SIZE linear $(disk 0) 0"
dm_create cow-snap "0 $(sectors "$(disk 1)") linear $(disk 1) 0"
# The delay of each write in ms, but not of flushes: the merge should take longer than a boot.  Our
# driver writes some dozens of chunks at once, the in-tree driver one.
declare -rA DELAY=([ours]=350 [in-tree]=12)
if [ "$STAGE" -lt 5 ]; then
	slow_base="0 $SIZE delay $(disk 0) 0 0 $(disk 0) 0 ${DELAY[$MODULE]} $(disk 0) 0 0"
fi

if [ "$STAGE" -eq 1 ]; then
	chunks=(8 8 8 16)
	chunk=${chunks[SRANDOM % 4]}
	echo "$chunk" > "$RESULTS/chunk"
	for ((i = 1; i <= WRITERS_COUNT; i++)); do
		: > "$RESULTS/journal-$i"
	done
	awk -v count="$SIZE" 'BEGIN { for (i = 0; i < count; i++) printf "%-511s\n", "s " i " 0 0" }' > "$TMP/contents"
	dd if="$TMP/contents" of="$(dm_path base)" bs=1M oflag=direct conv=fsync status=none
	org_load
	snap_take snap P "$chunk"
	# In steps of 1 MB, so that the order of the list tells roughly where the merge is
	steps=()
	for ((mb = 0; mb < SIZE / 2048; mb++)); do
		steps+=(--name="at$mb" --rw=randwrite --bs=4k --size=1M --offset="${mb}M" --stonewall)
	done
	fio --filename="$(dm_path org)" --ioengine=libaio --direct=1 --iodepth=32 "${steps[@]}" \
		--output="$TMP/fio.out" > /dev/null
	take snap
	check
	dm_reload base "$slow_base"
	reader_start
	merge_begin snap P "$chunk"
else
	chunk=$(< "$RESULTS/chunk")
	if [ "$STAGE" -lt 5 ]; then
		dm_reload base "$slow_base"
	fi
	dm_create org "$(merge_table snap P "$chunk")"
fi
left=$(merge_progress org)
note "chunk size $chunk, $left sectors left to merge"
echo "$left" >> "$RESULTS/left"

if [ "$STAGE" -lt 5 ]; then
	[ "$STAGE" -eq 1 ] || reader_start
	take org
	echo "$left" > "$TMP/front"
	for ((i = 1; i <= WRITERS_COUNT; i++)); do
		writer "$i" &
	done
	now=${EPOCHREALTIME/./}
	end=$((now + SRANDOM % 3000000))
	check
	while [ "${EPOCHREALTIME/./}" -lt "$end" ]; do
		merge_progress org > "$TMP/front.new"
		mv "$TMP/front.new" "$TMP/front"
		# A writer that has found something wrong has ended
		[ "$(jobs -rp | wc -l)" -eq "$((WRITERS_COUNT + 1))" ] || fail "a writer has ended"
		sleep 0.1
	done
	note "$(merge_progress org) sectors left at the power cut"
	power_cut
fi

take org
check
wait_until 60 is_merged org
take base
check
middle=$(awk 'NR > 1 && $1 > 0' "$RESULTS/left" | wc -l)
note "$middle of 4 power cuts came in the middle of the merge"
[ "$middle" -ge 1 ] || fail "too few: $(tr '\n' ' ' < "$RESULTS/left")"
