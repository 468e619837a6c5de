# summary: suspend, resume and handover to a new table, of origin and snapshots under I/O, lose nothing
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh

seed_random
origin_make 8
snap_take keep P 8
snap_take big PO 128
snap_take gone N 16
snap_take mine P 16
declare -A type=([keep]=P [big]=PO [gone]=N [mine]=P) chunk=([keep]=8 [big]=128 [gone]=16 [mine]=16)
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=4M --size=4M
writer_start snapshot "$(dm_path mine)" --rw=randwrite --bsrange=512-32k --iodepth=16 --fsync=32
unset 'FROZEN[mine]'

names=(keep big gone mine)
steps=20
[ "$FULL" = no ] || steps=40
for ((step = 0; step < steps; step++)); do
	pick 4
	name=${names[PICKED]}
	pick 5
	case $PICKED in
	0)
		dmsetup suspend org
		dmsetup resume org
		;;
	1)
		dmsetup suspend "$name"
		dmsetup resume "$name"
		;;
	2)
		# In the meantime writers to the origin wait only for the origin
		dm_load "$name" "$(snap_table "$name" "${type[$name]}" "${chunk[$name]}")"
		dmsetup suspend "$name"
		dmsetup resume "$name"
		;;
	3)
		# As in LVM2, both are suspended
		dm_load "$name" "$(snap_table "$name" "${type[$name]}" "${chunk[$name]}")"
		dm_load org "0 $SIZE snapshot-origin $(dm_path base)"
		dmsetup suspend org
		dmsetup suspend "$name"
		dmsetup resume "$name"
		dmsetup resume org
		;;
	4)
		# A new table that is never used
		dm_load "$name" "$(snap_table "$name" "${type[$name]}" "${chunk[$name]}")"
		dmsetup clear "$name"
		;;
	esac
	if ((step % 10 == 9)); then
		writers_move
		snap_check
	fi
done
writers_stop
snap_check
for name in "${names[@]}"; do
	expect_match "$(status_of "$name")" '[0-9]+/[0-9]+ [0-9]+'
done
expect_eq "$(dmsetup table big | cut -d ' ' -f 6-)" "PO 128"
