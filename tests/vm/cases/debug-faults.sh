# summary: origin writes succeed while memory runs out, COW devices fail and the origin cannot be read
# kernels: um smp
# timeout: 180

. /job/vm/lib-io.sh

readonly FAULTS=/sys/kernel/debug

# fault KIND PERCENT: of allocations that may not wait (failslab), of bios
# (fail_make_request, on the disks that say so)
fault()
{
	# Without it each one would be told with a stack trace
	echo 0 > "$FAULTS/$1/verbose"
	echo -1 > "$FAULTS/$1/times"
	echo "$2" > "$FAULTS/$1/probability"
}

cow_disks_fail()
{
	local name
	for name in $(snap_names); do
		echo "$1" > "/sys/block/$(awk -v n="ram-$name" '$1 == n { sub(".*/", "", $3); print $3 }' "$DISKS_MADE")/make-it-fail"
	done
}

take_three()
{
	snap_take a P 8 20
	snap_take b N 16 20
	snap_take c PO 64 20
}

# Valid and right, or honestly invalid
judge()
{
	local name
	for name in $(snap_names); do
		if is_status "$name" '[0-9]+/[0-9]+ [0-9]+'; then
			snap_check "$name"
		else
			expect_eq "$(status_of "$name")" Invalid
		fi
		note "$name: $(status_of "$name")"
		snap_drop "$name"
	done
}

load()
{
	fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --io_size=512k --randseed="$1"
}

origin_make 8

take_three
fault failslab 20
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=1M
fault failslab 0
for name in $(snap_names); do
	is_status "$name" '[0-9]+/[0-9]+ [0-9]+' || fail "$name: $(status_of "$name") without an I/O error"
done
judge

for percent in 2 50; do
	take_three
	fault failslab 10
	cow_disks_fail 1
	fault fail_make_request "$percent"
	fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=1M --offset=4M
	fault fail_make_request 0
	fault failslab 0
	cow_disks_fail 0
	judge
done

# Reads of the origin fail every other second, writes never do
take_three
dm_reload base "0 $SIZE flakey $(awk '$1 == "ram-base" { print $3 }' "$DISKS_MADE") 0 0 1000 1 error_reads"
load 1
load 2
dm_reload base "0 $SIZE linear $(awk '$1 == "ram-base" { print $3 }' "$DISKS_MADE") 0"
judge
