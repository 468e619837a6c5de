# summary: a full COW device invalidates the snapshot and never fails the origin; a PO snapshot keeps what it has
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh

origin_make 12
snap_take witness P 16

note "origin writes fill the COW device"
for chunk in 8 128; do
	for type in P PO N; do
		ram=$(make_ram ram-snap 3)
		dm_create cow-snap "0 $(sectors "$ram") linear $ram 0"
		snap_take snap "$type" "$chunk"
		events=$(events_of snap)
		fio_verified "$(dm_path org)" --rw=randwrite --bsrange=4k-64k --iodepth=32 --randseed="$chunk"
		wait_until 10 is_status snap Invalid
		events_above snap "$events" || fail "no event was raised"
		expect_fail dd if="$(dm_path snap)" of=/dev/null bs=4k count=1 iflag=direct
		expect_fail dd if=/dev/zero of="$(dm_path snap)" bs=4k count=1 oflag=direct
		snap_check witness
		# The mark is durable
		dm_remove snap
		dm_create snap "$(snap_table snap "$type" "$chunk")"
		if [ "$type" != N ]; then
			expect_eq "$(status_of snap)" Invalid "$type after it was opened again"
		fi
		snap_drop snap
	done
done

note "several at once, and the origin keeps working"
for type in P PO N; do
	ram=$(make_ram "ram-$type" 2)
	dm_create "cow-$type" "0 $(sectors "$ram") linear $ram 0"
	snap_take "$type" "$type" 16
done
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32
writers_move
for type in P PO N; do
	wait_until 10 is_status "$type" Invalid
done
writers_stop
for type in P PO N; do
	snap_drop "$type"
done
snap_check witness

note "writes of its user fill the COW device"
for type in P PO N; do
	ram=$(make_ram ram-snap 3)
	dm_create cow-snap "0 $(sectors "$ram") linear $ram 0"
	snap_take snap "$type" 16
	model_make snap
	dd if=/dev/urandom of="$TMP/new" bs=1M count=4 status=none
	# Writes until it fails; dd prints how much it wrote
	expect_fail dd if="$TMP/new" of="$(dm_path snap)" bs=8k oflag=direct
	blocks=$(sed -n 's/^\([0-9]*\)+0 records out$/\1/p' <<< "$OUTPUT")
	# The header, an area and the reserve for the next area hold no data
	((blocks >= 380 && blocks <= 384)) || fail "$type took $blocks blocks of 8 KiB"
	if [ "$type" != PO ]; then
		wait_until 10 is_status snap Invalid
	else
		expect_eq "$(status_of snap)" Overflow
		dd if="$TMP/new" of="$(dm_path model-snap)" bs=8k count="$blocks" oflag=direct status=none
		model_check snap
		expect_fail dd if="$TMP/new" of="$(dm_path snap)" bs=8k count=1 oflag=direct
		model_check snap
		# Chunks that it has may be overwritten on the origin.  Use whole blocks, because fio
		# rounds up
		fio_verified "$(dm_path org)" --rw=write --bs=8k --iodepth=4 --size="$((blocks * 8))k"
		expect_eq "$(status_of snap)" Overflow
		model_check snap
	fi
	fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32
	if [ "$type" = PO ]; then
		wait_until 10 is_status snap Invalid
	fi
	dm_remove model-snap
	drop_disk ram-model-snap
	snap_drop snap
done
snap_check witness
