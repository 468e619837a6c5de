# summary: swap on an origin, then on snapshots, with more memory in use than there is: its contents stay right
# default: none
# disks: 192M 448M
# mem: 288
# timeout: 400

. /job/vm/lib-io.sh

# The contents of a tmpfs are swapped out
readonly MB=240 HALF=$((224 * 2048))

# swap_on DEVICE: fills memory, and reads all of it again
swap_on()
{
	local used
	busybox mkswap "$1" > /dev/null
	busybox swapon "$1"
	mkdir -p /mnt/full
	mount -t tmpfs -o size="$((MB + 8))M" full /mnt/full
	_fio_full write --do_verify=0
	used=$(awk 'NR > 1 { print $4 }' /proc/swaps)
	note "swapped: $used kB on $1"
	[ "$used" -gt 60000 ] || fail "hardly anything was swapped out"
	_fio_full read --do_verify=1
	umount /mnt/full
	busybox swapoff "$1"
}

_fio_full()
{
	fio --name=full --filename=/mnt/full/file --rw="$1" --bs=256k --ioengine=psync --size="${MB}M" \
		--verify=crc32c --verify_fatal=1 "$2" --output="$TMP/full.out" ||
		fail "what was in memory: $(tail -n 5 "$TMP/full.out")"
}

base=$(disk 0) cow=$(disk 1)
dm_create base "0 $(sectors "$base") linear $base 0"
fill "$(dm_path base)" 1 64
org_load
dm_create cow-p "0 $HALF linear $cow 0"
dm_create cow-n "0 $HALF linear $cow $HALF"
snap_take p P 8
snap_take n N 64

note "on the origin: each page that goes out is copied first, twice"
swap_on "$(dm_path org)"
snap_check

for name in p n; do
	note "on snapshot $name, while the origin is written"
	fio_run "$(dm_path org)" --rw=write --bs=64k --iodepth=2 --offset=160M --size=16M --rate=2m &
	writer=$!
	swap_on "$(dm_path "$name")"
	wait "$writer"
	expect_match "$(status_of "$name")" '[0-9]+/[0-9]+ [0-9]+'
	unset "FROZEN[$name]"
	snap_check
done
dm_remove n p org
