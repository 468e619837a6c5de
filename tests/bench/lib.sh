# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions for the scripts of the benches: devices with an exact latency, their counters, and the
# lines for the host (see suite.py).  Sourced.

set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "${BASH_SOURCE[0]##*/}: line $LINENO: $BASH_COMMAND" >&2' ERR

# An interruptible sleep without a process, which would take 3 ms of CPU
mkfifo /tmp/never
exec 9<> /tmp/never

pause()
{
	read -r -t "$1" -u 9 || true
}

# make_device NAME MB LATENCY_NS CACHE_MB: sets the variable NAME to the device's name in
# /sys/block.  It keeps data unless $BACKED is 0, and transfers $MBPS MB/s; 0: no limit
BACKED=1 MBPS=0
make_device()
{
	local dir=/sys/kernel/config/nullb/$1 setting
	mkdir "$dir"
	for setting in "max_sectors 2560" "size $2" "completion_nsec $3" "cache_size $4" "memory_backed $BACKED" "mbps $MBPS" "queue_mode 2" "irqmode 2" \
		"submit_queues 2" "hw_queue_depth 256" "power 1"; do
		echo "${setting#* }" > "$dir/${setting% *}"
	done
	# Newer kernels name the device after the directory, older ones after its index
	if [ -e "/sys/block/$1" ]; then
		printf -v "$1" '%s' "$1"
	else
		printf -v "$1" 'nullb%s' "$(< "$dir/index")"
	fi
}

# fill DEVICE MB: writes the device once, like that of a volume in use.  null_blk allocates memory
# at the first write to a page, which takes longer than the write
fill()
{
	dd if=/dev/zero of="/dev/$1" bs=1M count="$2" oflag=direct status=none
}

drop_devices()
{
	local dir
	for dir in /sys/kernel/config/nullb/*/; do
		echo 0 > "$dir/power"
		rmdir "$dir"
	done
}

# count_of DEVICE FIELD: a field of its stat file, from 0; 4 is writes, 15 flushes
count_of()
{
	local fields
	read -r -a fields < "/sys/block/$1/stat"
	echo "${fields[$2]}"
}

# In kB; includes the free pages in the processor's own lists
mem_available()
{
	awk '$1 == "MemAvailable:" { kB += $2 } $1 == "count:" { kB += 4 * $2 } END { print kB }' \
		/proc/meminfo /proc/zoneinfo
}

figure()
{
	printf 'figure %s %s %s\n' "$SCENARIO" "$1" "$2"
}

# need_target NAME: reports that it is missing, and exits
need_target()
{
	if ! dmsetup targets | grep "^$1 " > /dev/null; then
		echo "missing $1"
		exit
	fi
}

modprobe null_blk nr_devices=0
mount -t configfs configfs /sys/kernel/config
