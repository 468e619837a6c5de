# summary: a damaged or forged store is refused with a line that says what is wrong and where, and does no harm
# kernels: stock um smp
# default: 6.12
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh

# le BYTES NUMBER: prints it in little endian, as a format of printf
le()
{
	local i
	for ((i = 0; i < $1; i++)); do
		printf '\\x%02x' $((($2 >> (8 * i)) & 255))
	done
}

# poke OFFSET BYTES: writes the bytes to the COW device
poke()
{
	# shellcheck disable=SC2059 # it is a format
	printf "$2" > "$TMP/bytes"
	# Whole sectors; the rest of their contents stays
	dd if="$ram" of="$TMP/sector" bs=512 skip=$(($1 / 512)) count=1 iflag=direct status=none
	dd if="$TMP/bytes" of="$TMP/sector" bs=1 seek=$(($1 % 512)) conv=notrunc status=none
	dd if="$TMP/sector" of="$ram" bs=512 seek=$(($1 / 512)) count=1 oflag=direct status=none
}

# header MAGIC VALID VERSION CHUNK: writes a header
header()
{
	blkdiscard -f "$ram" 2> /dev/null
	poke 0 "$(le 4 "$1")$(le 4 "$2")$(le 4 "$3")$(le 4 "$4")"
}

# store OLD NEW...: writes a store with these exceptions and chunks of 8 sectors
store()
{
	local bytes=
	header "$magic" 1 1 8
	while [ $# -gt 0 ]; do
		bytes+=$(le 8 "$1")$(le 8 "$2")
		shift 2
	done
	poke 4096 "$bytes"
}

# cow SECTORS: sets the length of the COW device
cow()
{
	dm_reload cow-snap "0 $1 linear $ram 0"
}

# lines REGEX: prints how many lines of the kernel's log match
lines()
{
	kernel_log | grep -Ec -- "$1" || true
}

# refused WHAT REGEX [CHUNK]: the store must be refused, with one such line in the log
refused()
{
	note "$1"
	clear_log
	expect_fail dm_create snap "$(snap_table snap P "${3:-8}")"
	expect_log "snapshot: Failed to read snapshot metadata"
	expect_eq "$(lines "device-mapper: snapshots: $2")" 1 "lines in the log that say '$2'; there are
$(kernel_log)"
	expect_eq "$(dmsetup info -c --noheadings -o open cow-snap)" 0 "$1: users of the COW device"
	expect_fail dmsetup info snap
}

# taken WHAT: the store must be accepted
taken()
{
	note "$1"
	dm_create snap "$(snap_table snap P 8)"
	snap_reads
	dm_remove snap
}

snap_reads()
{
	dd if="$(dm_path snap)" of=/dev/null bs=1M iflag=direct status=none
}

# cow-unusable.sh tests what happens without this parameter
echo 1 > /sys/module/dm_snapshot/parameters/refuse_bad_store
magic=0x70416e53
origin_make 4
ram=$(make_ram ram-snap 8)
dm_create cow-snap "0 16384 linear $ram 0"
chunks=$((16384 / 8))

header 0x70416e54 1 1 8
refused "another magic" "Invalid or corrupt snapshot"
header $magic 1 0 8
refused "version 0" "unable to handle snapshot disk version 0"
header $magic 1 2 8
refused "version 2" "unable to handle snapshot disk version 2"
header $magic 1 1 0
refused "chunk size 0" "invalid on-disk chunk size 0: Chunk size is not a power of 2\."
header $magic 1 1 7
refused "chunk size 7" "invalid on-disk chunk size 7: Chunk size is not a power of 2\."
header $magic 1 1 $((1 << 22))
refused "chunk size 2 GB" "invalid on-disk chunk size 4194304: Chunk size is too high\."
header $magic 1 1 0xffffffff
refused "chunk size of all bits" "invalid on-disk chunk size 4294967295: Chunk size is not a power of 2\."
header $magic 1 1 $((1 << 21))
refused "a chunk longer than the device" "snapshot store refused: the list of exceptions runs off the COW device"

at='\(area 0, entry'
store 5 2 6 $chunks
refused "a chunk right behind the COW device" \
	"snapshot store refused: COW chunk outside the COW device $at 1: origin chunk 6 in COW chunk $chunks\)"
store 5 -1
refused "the last of all chunks" \
	"snapshot store refused: COW chunk outside the COW device $at 0: origin chunk 5 in COW chunk 18446744073709551615\)"
# The in-tree driver takes the top byte for a length and crashes the kernel
store 101 $((0xff << 56 | 3)) 100 2
refused "the top byte of a chunk set" \
	"snapshot store refused: COW chunk outside the COW device $at 0: origin chunk 101 in COW chunk 18374686479671623683\)"
store 5 2 1024 3
refused "a chunk right behind the origin" \
	"snapshot store refused: origin chunk outside the origin $at 1: origin chunk 1024 in COW chunk 3\)"
store -1 2
refused "the last of all origin chunks" "snapshot store refused: origin chunk outside the origin $at 0: .*"
store 5 2 6 3 5 4
refused "an origin chunk twice" \
	"snapshot store refused: origin chunk recorded twice \(origin chunk 5 in COW chunk 4\)"
store 5 2 6 3 7 2
refused "a COW chunk twice" "snapshot store refused: COW chunk used twice $at 2: origin chunk 7 in COW chunk 2\)"
store 5 1
refused "data in an area" \
	"snapshot store refused: COW chunk is the header or metadata $at 0: origin chunk 5 in COW chunk 1\)"
store 5 2 6 258
refused "data in an area to come" \
	"snapshot store refused: COW chunk is the header or metadata $at 1: origin chunk 6 in COW chunk 258\)"

# It ends the list; entries after it are ignored
store 5 2 6 0 5 -1
taken "COW chunk 0"
store 1023 $((chunks - 1))
taken "the last chunks of both devices"
cow $(((chunks - 1) * 8))
refused "the same on a shorter device" "snapshot store refused: COW chunk outside the COW device .*"

note "a full area and nothing after it"
exceptions=()
for ((i = 0; i < 256; i++)); do
	exceptions+=("$i" $((i + 2)))
done
for ((i = 0; i < 256; i += 32)); do
	bytes=
	for ((j = i; j < i + 32; j++)); do
		bytes+=$(le 8 "${exceptions[2 * j]}")$(le 8 "${exceptions[2 * j + 1]}")
	done
	poke $((4096 + i * 16)) "$bytes"
done
cow $((258 * 8))
refused "the list runs off the device" "snapshot store refused: the list of exceptions runs off the COW device"
cow $((258 * 8 + 7))
refused "the list runs into a piece of a chunk" "snapshot store refused: the list of exceptions runs off the COW device"
cow $((259 * 8))
poke $((258 * 4096)) "$(le 8 7)$(le 8 2)"
refused "damage in the second area" \
	"snapshot store refused: COW chunk used twice \(area 1, entry 0: origin chunk 7 in COW chunk 2\)"

for sectors in 8 15; do
	cow $sectors
	blkdiscard -f "$ram" 2> /dev/null
	refused "$sectors sectors for a new store" "the COW device is too small for a store: $sectors sectors, .*"
	header $magic 1 1 8
	refused "$sectors sectors of a store" "snapshot store refused: the list of exceptions runs off the COW device"
done
cow 16384

note "after all of these it accepts a valid one"
blkdiscard -f "$ram" 2> /dev/null
snap_take snap P 8
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --io_size=1M
snap_check
dm_remove snap org

note "a COW device that is the origin"
numbers=$(dmsetup info -c --noheadings -o major,minor base)
paths=("$(dm_path base)" "$numbers")
for ((i = 0; i < 20; i++)); do
	options=()
	if ((i % 4 > 1)); then
		options=(--readonly)
	fi
	clear_log
	expect_fail dm_create snap "0 $SIZE snapshot $(dm_path base) ${paths[i % 2]} P 8" "${options[@]}"
	expect_log "snapshot: COW device cannot be the same as origin device"
done
expect_eq "$(dmsetup info -c --noheadings -o open base)" 0 "users of the origin"
unload_module
