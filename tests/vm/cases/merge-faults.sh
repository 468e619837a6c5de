# summary: a merge that hits an I/O error ends as failed, keeps all data usable, and continues once the device works again
# kernels: stock um smp
# default: 6.1
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# Chunks are 4 KiB, 256 in an area.  The list of the snapshot, from its start:
#
#   exceptions   of the origin (KiB)    COW chunks
#   0 .. 127     early, 0 to 512        2 .. 129     in area 0, whose entries are chunk 1
#   128 .. 255   middle, 512 to 1024    130 .. 257   in area 0
#   256 .. 767   late, 1024 to 3072     in areas 1 and 2
#   768 .. 839   last, 3072 to 3360     in area 3
#
# The merge begins with the last ones, so it meets a fault in area 0 after part of the
# snapshot is merged.  The rest of the origin is not in the snapshot.
readonly CHUNK=8 ORIGIN_KB=5120

# pieced DEVICE FROM SECTORS TARGET [ARGUMENTS]: prints a table for all of DEVICE, linear except
# for SECTORS from FROM on
pieced()
{
	local device=$1 from=$2 length=$3 end
	shift 3
	end=$((from + length))
	[ "$from" -eq 0 ] || echo "0 $from linear $device 0"
	echo "$from $length $*"
	[ "$end" -eq "$(sectors "$device")" ] || echo "$end $(($(sectors "$device") - end)) linear $device $end"
}

# no_writes DEVICE FROM SECTORS: prints a table under which these sectors can be read, but each
# write of them and each flush of the device fails
no_writes()
{
	pieced "$1" "$2" "$3" flakey "$1" "$2" 0 1 1 error_writes
}

whole()
{
	echo "0 $(sectors "$1") linear $1 0"
}

prepare()
{
	local part jobs=()
	snap_take snap P "$CHUNK" 8
	COW=$(awk '$1 == "ram-snap" { print $3 }' "$DISKS_MADE")
	model_make snap
	for part in "0 512" "512 512" "1024 2048"; do
		jobs+=(--name=part --stonewall --rw=randwrite --bs=4k --offset="${part% *}k" --size="${part#* }k")
	done
	fio --filename="$(dm_path org)" --ioengine=libaio --direct=1 --iodepth=32 "${jobs[@]}" --output="$TMP/fio.out" > /dev/null
	fio_both snap --rw=randwrite --bs=4k --iodepth=8 --offset=3072k --size=288k
	fio_both snap --rw=randwrite --bs=512 --iodepth=1 --size=3072k --io_size=64k
	dmsetup suspend snap
	dmsetup resume snap
	model_check snap
	# The next area is counted as well
	expect_eq "$(allocated snap)" "$(((840 + 5) * CHUNK))"
	events=$(events_of org)
	clear_log
}

# fails_with LINE: the merge must fail with this line in the log
fails_with()
{
	wait_until 30 is_status org "Merge failed"
	events_above org "$events" || fail "no event was raised"
	expect_log "$1"
	expect_no_log "(Invalidating|Marking)"
}

piece_sum()
{
	dd if="$(dm_path "$1")" bs=128k iflag=direct skip="$(($2 / 128))" count="$(($3 / 128))" status=none | sha256sum
}

# content_check FROM KB: the last write must be visible there
content_check()
{
	expect_eq "$(piece_sum org "$1" "$2")" "$(piece_sum model-snap "$1" "$2")" "the origin while it is merged"
}

# writable FROM KB: this part must be writable
writable()
{
	local part=(--offset="$1k" --size="$2k") device
	fio_verified "$(dm_path org)" --rw=randwrite --bsrange=4k-32k --iodepth=16 "${part[@]}"
	for device in org model-snap; do
		fio_run "$(dm_path "$device")" --rw=randwrite --bs=8k --iodepth=16 "${part[@]}" --randseed="$1"
	done
	content_check "$1" "$2"
}

# goes_on resume|reload: the merge must continue after that
goes_on()
{
	if [ "$1" = resume ]; then
		dmsetup suspend org
		dmsetup resume org
	else
		dm_remove org
		dm_create org "$(merge_table snap P "$CHUNK")"
	fi
	merge_wait org 60
	expect_eq "$(sum_of "$(dm_path base)")" "$(sum_of "$(dm_path model-snap)")" "the origin below"
	dm_reload org "0 $SIZE snapshot-origin $(dm_path base)"
	dm_remove cow-snap model-snap
	drop_disk ram-snap
	drop_disk ram-model-snap
}

# A loop device has a cache to flush; RAM disks have none
LOOP=$(make_loop base "$((ORIGIN_KB / 1024))")
fill "$LOOP" 1
dm_create base "$(whole "$LOOP")"
org_load

note "reads of the COW device fail"
prepare
dm_reload cow-snap "$(pieced "$COW" "$((160 * CHUNK))" "$((10 * CHUNK))" error)"
merge_begin snap P "$CHUNK"
fails_with "Read error: shutting down merge\."
content_check 0 512
content_check 1024 4096
# Only the unreadable chunks give errors
dd if="$(dm_path org)" of="$TMP/middle" bs=4k skip=128 count=128 iflag=direct conv=noerror,sync status=none 2> /dev/null || true
dd if="$(dm_path model-snap)" of="$TMP/want" bs=4k skip=128 count=128 iflag=direct status=none
{ cmp -l "$TMP/middle" "$TMP/want" || true; } > "$TMP/differ"
expect_eq "$(awk '{ print int(($1 - 1) / 4096) }' "$TMP/differ" | uniq | wc -l)" 10 "chunks that are not there"
writable 0 512
writable 1024 4096
dm_reload cow-snap "$(whole "$COW")"
content_check 0 "$ORIGIN_KB"
writable 512 512
goes_on resume

note "reads of the list fail"
prepare
dm_reload cow-snap "$(pieced "$COW" "$CHUNK" "$CHUNK" error)"
merge_begin snap P "$CHUNK"
fails_with "Read error in exception store: shutting down merge"
content_check 0 "$ORIGIN_KB"
writable 0 "$ORIGIN_KB"
dm_reload cow-snap "$(whole "$COW")"
goes_on resume

for way in resume reload; do
	note "writes of the list fail, $way"
	prepare
	dm_reload cow-snap "$(no_writes "$COW" "$CHUNK" "$CHUNK")"
	merge_begin snap P "$CHUNK"
	fails_with "Write error in exception store: shutting down merge"
	content_check 0 "$ORIGIN_KB"
	writable 3072 2048
	# Whether some chunks are on the list still is not known: no write of them is
	# safe on either device
	expect_fail dd if=/dev/urandom of="$(dm_path org)" bs=4k count=768 oflag=direct
	dd if="$(dm_path org)" of="$(dm_path model-snap)" bs=1M count=3 iflag=direct oflag=direct status=none
	dm_reload cow-snap "$(whole "$COW")"
	content_check 0 "$ORIGIN_KB"
	if [ "$way" = resume ]; then
		# The list is written first; the merge still waits to be resumed
		writable 0 3072
		expect_eq "$(status_of org)" "Merge failed"
	fi
	goes_on "$way"
done

note "writes of the origin fail"
prepare
# All I/O to this part fails: nothing reads the origin here, and flushes must succeed
dm_reload base "$(pieced "$LOOP" "$((128 * CHUNK))" "$((128 * CHUNK))" error)"
merge_begin snap P "$CHUNK"
fails_with "Write error: shutting down merge\."
content_check 0 "$ORIGIN_KB"
writable 0 "$ORIGIN_KB"
dm_reload base "$(whole "$LOOP")"
content_check 0 "$ORIGIN_KB"
goes_on reload

note "flushes of the origin fail"
prepare
total=$(allocated snap)
# Slow enough for a fault to occur while it runs
dm_reload base "0 $SIZE delay $LOOP 0 0 $LOOP 0 400"
merge_begin snap P "$CHUNK"
begun()
{
	[ "$(allocated org)" -lt "$total" ]
}
wait_until 30 begun
dm_reload base "$(no_writes "$LOOP" "$((SIZE - 2048))" 2048)"
fails_with "Flush after merge failed: shutting down merge"
content_check 0 "$ORIGIN_KB"
writable 0 4096
dm_reload base "$(whole "$LOOP")"
content_check 0 "$ORIGIN_KB"
goes_on resume
