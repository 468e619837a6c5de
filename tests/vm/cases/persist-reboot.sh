# summary: persistent snapshots can be activated after a power cut during I/O and after a shutdown, and continue
# default: 6.12
# boots: 3
# disks: 6M 52M
# timeout: 90

. /job/vm/lib-io.sh

# a and b are only read, v and w are also written
names=(a b v w)
declare -A chunk=([a]=8 [b]=128 [v]=8 [w]=128)

# The COW devices are slices of one disk, 13 MB each
make_devices()
{
	local i
	dm_create base "0 $(sectors "$(disk 0)") linear $(disk 0) 0"
	for i in "${!names[@]}"; do
		dm_create "cow-${names[i]}" "0 26624 linear $(disk 1) $((i * 26624))"
	done
}

# In this order: the origin asks for the chunk size when it is resumed
activate()
{
	local name
	# shellcheck disable=SC2034 # read by org_load
	SIZE=$(sectors "$(dm_path base)")
	for name in "${names[@]}"; do
		dm_create "$name" "$(snap_table "$name" P "${chunk[$name]}")"
	done
	org_load
}

# Saves what the next boot must find: whole images of a and b, and what is durable
# of v and w, which is all except their last MB
write_down()
{
	local name
	for name in v w; do
		# shellcheck disable=SC2004 # its indexes are words
		FROZEN[$name]=$(sum_of "$(dm_path "$name")" 5)
	done
	declare -p FROZEN > "$RESULTS/frozen"
}

check()
{
	local name
	snap_check a b
	for name in v w; do
		expect_eq "$(sum_of "$(dm_path "$name")" 5)" "${FROZEN[$name]}" \
			"snapshot $name has lost something durable ($(dmsetup status "$name"))"
	done
}

# write_snapshots SEED: writes whole chunks and parts of them, made durable in each way
write_snapshots()
{
	local name
	for name in v w; do
		fio_run "$(dm_path "$name")" --rw=randwrite --bsrange=512-128k --iodepth=8 --size=2M --io_size=1M \
			--end_fsync=1 --randseed="$1"
		fio_run "$(dm_path "$name")" --rw=randwrite --bs=4k --iodepth=1 --fsync=8 --offset=2M \
			--size=2M --io_size=128k --randseed="$1"
		fio_run "$(dm_path "$name")" --rw=randwrite --bs=4k --iodepth=1 --sync=1 --offset=4M \
			--size=1M --io_size=64k --randseed="$1"
	done
}

make_devices
case $STAGE in
1)
	fill "$(dm_path base)" 1
	org_load
	for name in "${names[@]}"; do
		snap_take "$name" P "${chunk[$name]}"
	done
	writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=3M --io_size=1M
	writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=3M --size=3M --io_size=2M
	write_snapshots 1
	write_down
	# Nothing asks for these writes to be durable
	for name in v w; do
		dd if="$(dm_path "$name")" of="$RESULTS/old-$name" bs=256k skip=20 count=1 iflag=direct status=none
		dd if=/dev/urandom of="$RESULTS/new-$name" bs=256k count=1 status=none
		dd if="$RESULTS/new-$name" of="$(dm_path "$name")" bs=8k seek=640 oflag=direct status=none
	done
	sync "$RESULTS"/*
	kill -0 "${WRITERS[random]}" "${WRITERS[mixed]}"
	power_cut
	;;
2)
	# shellcheck source=/dev/null
	. "$RESULTS/frozen"
	activate
	check
	for name in v w; do
		dd if="$(dm_path "$name")" of="$TMP/now" bs=256k skip=20 count=1 iflag=direct status=none
		for ((at = 0; at < 262144; at += 4096)); do
			cmp -s -n 4096 "$TMP/now" "$RESULTS/old-$name" "$at" "$at" ||
				cmp -s -n 4096 "$TMP/now" "$RESULTS/new-$name" "$at" "$at" ||
				fail "$name, at $at of the last MB: neither old nor new"
		done
	done
	fio_verified "$(dm_path org)" --rw=randwrite --bsrange=4k-64k --iodepth=16 --io_size=4M --randseed=2
	write_snapshots 2
	write_down
	check
	# An orderly shutdown, except that the disks are never flushed
	dm_remove org "${names[@]}"
	power_cut
	;;
3)
	# shellcheck source=/dev/null
	. "$RESULTS/frozen"
	activate
	check
	fio_verified "$(dm_path org)" --rw=randwrite --bsrange=4k-64k --iodepth=16 --io_size=4M --randseed=3
	write_snapshots 3
	snap_check a b
	;;
esac
