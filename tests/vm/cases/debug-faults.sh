# summary: origin writes succeed while memory runs out, COW devices fail and the origin cannot be read
# kernels: um smp
# timeout: 180

. /job/vm/lib-io.sh

readonly FAULTS=/sys/kernel/debug MOST=1000000

# fault KIND PERCENT: this share of allocations that may not wait (failslab) or of bios
# (fail_make_request, on the disks that enable it) fails
fault()
{
	# Otherwise each fault logs a stack trace
	echo 0 > "$FAULTS/$1/verbose"
	echo "$MOST" > "$FAULTS/$1/times"
	echo "$2" > "$FAULTS/$1/probability"
}

# faults_end KIND: sets INJECTED to the number of faults
faults_end()
{
	echo 0 > "$FAULTS/$1/probability"
	INJECTED=$((MOST - $(< "$FAULTS/$1/times")))
	note "$1: $INJECTED faults"
}

ram_of()
{
	awk -v name="ram-$1" '$1 == name { print $3 }' "$DISKS_MADE"
}

# cow_disk_fails NAME 0|1: sets whether I/O of its COW device may fail
cow_disk_fails()
{
	local path
	path=$(ram_of "$1")
	echo "$2" > "/sys/block/${path##*/}/make-it-fail"
}

take_three()
{
	snap_take a P 8 20
	snap_take b N 16 20
	snap_take c PO 64 20
}

drop_three()
{
	local name
	for name in a b c; do
		snap_drop "$name"
	done
}

# good NAME...: each must be valid, with its image
good()
{
	local name
	for name; do
		is_status "$name" '[0-9]+/[0-9]+ [0-9]+' || fail "$name: $(status_of "$name") without an I/O error"
		snap_check "$name"
	done
}

# lost NAME...: each must be invalid because of an I/O error
lost()
{
	local name
	for name; do
		expect_eq "$(status_of "$name")" Invalid "$name has met an I/O error"
	done
	expect_log 'Invalidating snapshot: Error reading/writing'
}

origin_make 8

note "memory runs out"
take_three
fault failslab 20
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=1M
faults_end failslab
[ "$INJECTED" -gt 0 ] || fail "no allocation has failed"
good a b c
drop_three

# In turn, each in a part of the origin that has not been written yet
for percent in 2 50; do
	note "COW devices fail $percent % of their bios, and memory runs out"
	take_three
	alive=(a b c) offset=4
	for name in a b c; do
		clear_log
		fault failslab 10
		cow_disk_fails "$name" 1
		fault fail_make_request "$percent"
		fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=1M --offset="${offset}M"
		faults_end fail_make_request
		failed=$INJECTED
		faults_end failslab
		cow_disk_fails "$name" 0
		if [ "$failed" -gt 0 ]; then
			lost "$name"
			alive=("${alive[@]/$name/}")
		elif [ "$percent" -eq 50 ]; then
			fail "no bio has failed"
		fi
		# shellcheck disable=SC2068 # without the empty ones
		good ${alive[@]}
		offset=$((offset + 1))
	done
	drop_three
done

note "a whole chunk that is written to a snapshot does not get to its COW device"
take_three
clear_log
cow_disk_fails a 1
fault fail_make_request 100
expect_fail dd if=/dev/zero of="$(dm_path a)" bs=4k count=1 oflag=direct status=none
expect_match "$OUTPUT" '.*Input/output error.*'
faults_end fail_make_request
[ "$INJECTED" -gt 0 ] || fail "no bio has failed"
cow_disk_fails a 0
lost a
good b c
drop_three

note "no read of the origin succeeds"
take_three
clear_log
dm_reload base "0 $SIZE flakey $(ram_of base) 0 0 1000 1 error_reads"
for seed in 1 2; do
	fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --io_size=512k --randseed="$seed"
done
lost a b c
dm_reload base "0 $SIZE linear $(ram_of base) 0"
drop_three
