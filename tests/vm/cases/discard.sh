# summary: discards of a snapshot: limits are in bytes, written chunks read as zeros, neighbours and the origin are unchanged
# smp: 1

. /job/vm/lib-io.sh

# block DEVICE NUMBER: prints the checksum of this half chunk
block()
{
	dd if="$1" bs=4k skip="$2" count=1 iflag=direct status=none | sha256sum
}

origin_make 8
dm_create s "0 $SIZE snapshot $(dm_path base) $(make_ram ram-cow 16) P 16 1 discard_zeroes_cow"
snapshot=$(dm_path s)
queue=/sys/block/dm-$(dmsetup info -c --noheadings -o minor s)/queue
expect_eq "$(< "$queue/discard_granularity")" 8192
expect_eq "$(< "$queue/discard_max_bytes")" 8192
before=$(sum_of "$(dm_path base)")
zeros=$(head -c 4096 /dev/zero | sha256sum)

# Chunks 0 to 2 are written; chunk 0 is discarded, and half of chunk 2
fio_run "$snapshot" --rw=write --bs=8k --size=24k
second=$(block "$snapshot" 2) last=$(block "$snapshot" 5)
blkdiscard -o 0 -l 8192 "$snapshot"
blkdiscard -o 16384 -l 4096 "$snapshot"
expect_eq "$(block "$snapshot" 0)" "$zeros" "the first half of the chunk was not discarded"
expect_eq "$(block "$snapshot" 1)" "$zeros" "the second half of the chunk was not discarded"
expect_eq "$(block "$snapshot" 2)" "$second" "the chunk after it has changed"
expect_eq "$(block "$snapshot" 5)" "$last" "the other half of the chunk has changed"

blkdiscard "$snapshot"
for number in 0 1 2 3 4 5; do
	expect_eq "$(block "$snapshot" $number)" "$zeros" "block $number was not discarded"
done
expect_eq "$(block "$snapshot" 6)" "$(block "$(dm_path base)" 6)" "a chunk that was never written has changed"
expect_eq "$(sum_of "$(dm_path base)")" "$before" "the origin has changed"
