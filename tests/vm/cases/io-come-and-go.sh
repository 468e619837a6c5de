# summary: snapshots taken and removed in any order during I/O keep their images
# kernels: stock um smp
# default: 6.12
# timeout: 240

. /job/vm/lib-io.sh

seed_random
origin_make 8 9
writer_start random "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=32 --size=4M
writer_start mixed "$(dm_path org)" --rw=randwrite --bsrange=512-128k --iodepth=8 --offset=4M --size=3M

types=(P PO N)
chunks=(8 16 128 2048)
steps=12
[ "$FULL" = no ] || steps=24
for ((step = 0; step < steps; step++)); do
	mapfile -t names < <(snap_names)
	pick 2
	if [ "${#FROZEN[@]}" -lt 2 ] || { [ "$PICKED" -eq 0 ] && [ "${#FROZEN[@]}" -lt 6 ]; }; then
		pick 3
		type=${types[PICKED]}
		pick 4
		snap_take "snap$step" "$type" "${chunks[PICKED]}"
	else
		pick "${#names[@]}"
		snap_check "${names[PICKED]}"
		snap_drop "${names[PICKED]}"
	fi
done
snap_check
writers_stop
snap_check
