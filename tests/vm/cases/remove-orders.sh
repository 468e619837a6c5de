# summary: origin and snapshots removed in any order, idle and in use, have their contents when they are activated again
# kernels: stock um smp
# default: none
# timeout: 240

. /job/vm/lib-io.sh

turn=0
declare -A type=([a]=P [b]=PO) chunk=([a]=8 [b]=128) frozen whole
declare -A options=(
	[org]="--rw=randwrite --bsrange=4k-64k --iodepth=8 --io_size=512k"
	# The first MB of a snapshot is written, the rest must not change
	[a]="--rw=randwrite --bs=4k --iodepth=8 --size=1M --io_size=128k --fsync=8"
	[b]="--rw=randwrite --bs=16k --iodepth=8 --size=1M --io_size=256k"
)

# check NAME...: checks those that are snapshots
check()
{
	local name
	for name; do
		if [ "$name" != org ]; then
			expect_eq "$(sum_of "$(dm_path "$name")" "" 1)" "${frozen[$name]}" \
				"snapshot $name, behind its writer ($(dmsetup status "$name"))"
		fi
	done
}

origin_make 3
for name in a b; do
	ram=$(make_ram "ram-$name" 6)
	dm_create "cow-$name" "0 12288 linear $ram 0"
done
for use in idle busy; do
	for order in "org a b" "org b a" "a org b" "b org a" "a b org" "b a org"; do
		note "$use: $order"
		read -ra left <<< "$order"
		for name in a b; do
			dd if=/dev/zero of="$(dm_path "cow-$name")" bs=4k count=1 oflag=direct status=none
			snap_take "$name" "${type[$name]}" "${chunk[$name]}"
			frozen[$name]=$(sum_of "$(dm_path base)" "" 1)
		done
		for name in "${left[@]}"; do
			# shellcheck disable=SC2086 # words
			case $use in
			idle) fio_run "$(dm_path "$name")" ${options[$name]} --randseed="$((++turn))" ;;
			busy) writer_start "$name" "$(dm_path "$name")" ${options[$name]} ;;
			esac
		done
		whole=()
		while [ "${#left[@]}" -gt 0 ]; do
			name=${left[0]}
			left=("${left[@]:1}")
			if [ "$use" = busy ]; then
				# This one finishes its round while the others continue
				writers_stop "$name"
			fi
			check "$name"
			# Its contents are valid later only if the origin is not written while it is gone
			if [ "$name" != org ] && { [ "$use" = idle ] || [[ " ${left[*]} " != *" org "* ]]; }; then
				whole[$name]=$(sum_of "$(dm_path "$name")")
			fi
			dm_remove "$name"
			check "${left[@]}"
		done
		for name in a b; do
			dm_create "$name" "$(snap_table "$name" "${type[$name]}" 0)"
		done
		org_load
		for name in "${!whole[@]}"; do
			expect_eq "$(sum_of "$(dm_path "$name")")" "${whole[$name]}" "snapshot $name, opened again"
		done
		for name in a b; do
			expect_match "$(status_of "$name")" '[0-9]+/12288 [0-9]+'
			dm_remove "$name"
		done
	done
done
