# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of the benches share: devices with an exact latency, their
# counters, and what the host is told (see suite.py).  Sourced.

set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "${BASH_SOURCE[0]##*/}: line $LINENO: $BASH_COMMAND" >&2' ERR

# An interruptible sleep that needs no process, which would be 3 ms of CPU
mkfifo /tmp/never
exec 9<> /tmp/never

pause()
{
	read -r -t "$1" -u 9 || true
}

# make_device NAME MB LATENCY_NS CACHE_MB: sets the variable NAME to its name in /sys/block.  It keeps
# what is written unless $BACKED is 0, and carries $MBPS MB a second, 0: any number
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

# fill DEVICE MB: what null_blk has never stored it has to get memory for, which takes longer than to
# store it: so devices have been written before, as those of a volume in use
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

# count_of DEVICE FIELD: of its stat file, from 0; 4 is writes, 15 flushes
count_of()
{
	local fields
	read -r -a fields < "/sys/block/$1/stat"
	echo "${fields[$2]}"
}

# In kB, with the free pages that the processor keeps to itself
mem_available()
{
	awk '$1 == "MemAvailable:" { kB += $2 } $1 == "count:" { kB += 4 * $2 } END { print kB }' \
		/proc/meminfo /proc/zoneinfo
}

figure()
{
	printf 'figure %s %s %s\n' "$SCENARIO" "$1" "$2"
}

# need_target NAME: or says that it is missing, and ends
need_target()
{
	if ! dmsetup targets | grep "^$1 " > /dev/null; then
		echo "missing $1"
		exit
	fi
}

modprobe null_blk nr_devices=0
mount -t configfs configfs /sys/kernel/config
