# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of tests/bench/contention: sixteen jobs at once, with each module in turn.
#
# usage: bash contention.sh ROUNDS [MODULE]
#
# With MODULE (ours or in-tree) it uses only this one, and saves the kernel's symbols at the end.

. /job/lib.sh

readonly ROUNDS=$1 MODULE=${2:-}
readonly ORIGIN_MB=256 COW_MB=96 LATENCY=10000
readonly SIZE=$((ORIGIN_MB * 2048)) REWRITTEN_MB=32
readonly TOUCHES=1000 READS=2500 REWRITES=2500     # for each of the jobs
# shellcheck disable=SC2034 # make_device sets them by name
origin='' cow1='' cow2=''

module_path()
{
	case $1 in
	ours) echo "/lib/modules/$(uname -r)/updates/dm-snapshot.ko" ;;
	in-tree) echo "/lib/modules/$(uname -r)/kernel/drivers/md/dm-snapshot.ko"* ;;
	esac
}

# jobs NAME COUNT FIO_OPTIONS...: prints a section for fio
jobs()
{
	local name=$1 count=$2
	shift 2
	printf '[%s]\nnumjobs=%s\nnew_group\ngroup_reporting\n' "$name" "$count"
	printf '%s\n' "$@"
}

work()
{
	printf '%s\n' '[global]' 'ioengine=libaio' 'direct=1' 'bs=4k' 'iodepth=8' 'randrepeat=1' 'thread'
	# Each job has its own part of the chunks that have not been written yet
	jobs touch 6 'filename=/dev/mapper/org' 'rw=randwrite' "offset=${REWRITTEN_MB}m" 'offset_increment=36m' 'size=36m' "number_ios=$TOUCHES"
	jobs rewrite 5 'filename=/dev/mapper/org' 'rw=randwrite' "size=${REWRITTEN_MB}m" 'norandommap' "number_ios=$REWRITES"
	jobs read 5 'filename=/dev/mapper/s1' 'rw=randread' 'size=248m' 'norandommap' "number_ios=$READS"
}

# round MODULE NUMBER
round()
{
	local cow
	insmod "$(module_path "$1")"
	dmsetup create org --table "0 $SIZE snapshot-origin /dev/$origin"
	dmsetup suspend org
	for cow in 1 2; do
		dmsetup create "s$cow" --table "0 $SIZE snapshot /dev/$origin /dev/$(device_of "cow$cow") P 8"
	done
	dmsetup resume org
	fio --name=before --filename=/dev/mapper/org --ioengine=libaio --direct=1 --rw=write --bs=1m --size="${REWRITTEN_MB}m" \
		--output=/tmp/before
	fio --output-format=json --output="/results/$1-$2.json" /tmp/work
	dmsetup status s1
	dmsetup remove s1
	dmsetup remove s2
	dmsetup remove org
	rmmod dm_snapshot
	for cow in 1 2; do
		dd if=/dev/zero of="/dev/$(device_of "cow$cow")" bs=4k count=1 oflag=direct status=none
	done
	echo "figure contention $1 $2"
}

device_of()
{
	echo "${!1}"
}

modprobe -a dm_bufio dm_mod
rmmod dm_snapshot 2> /dev/null || true
make_device origin "$ORIGIN_MB" "$LATENCY" 0
fill "$origin" "$ORIGIN_MB"
for name in cow1 cow2; do
	make_device "$name" "$COW_MB" "$LATENCY" 0
	fill "$(device_of "$name")" "$COW_MB"
done
work > /tmp/work
for ((number = 0; number < ROUNDS; number++)); do
	if [ -n "$MODULE" ]; then
		round "$MODULE" "$number"
	# Alternate the order, so that a slow drift affects both alike
	elif ((number % 2)); then
		round ours "$number"
		round in-tree "$number"
	else
		round in-tree "$number"
		round ours "$number"
	fi
done
if [ -n "$MODULE" ]; then
	cat /proc/kallsyms > /results/kallsyms
fi
