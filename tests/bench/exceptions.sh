# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of tests/bench/exceptions: makes a store with many exceptions, activates it,
# removes the snapshot, and prints the figures.
#
# usage: bash exceptions.sh SCENARIO...

. /job/lib.sh

readonly LATENCY_NS=100000
cow=''                      # set by make_device
TOOK=0 ACTIVATION_1M=0

# timed NAME COMMAND...: prints how long it takes as a figure, in ms; sets TOOK, in us
timed()
{
	local name=$1 begun=${EPOCHREALTIME/./}
	shift
	"$@"
	TOOK=$((${EPOCHREALTIME/./} - begun))
	figure "$name" "$(thousandths "$TOOK")"
}

# thousandths NUMBER: prints NUMBER / 1000
thousandths()
{
	printf '%d.%03d\n' $(($1 / 1000)) $(($1 % 1000))
}

# exceptions COUNT ORIGIN_BITS: measures a store with so many exceptions
exceptions()
{
	local before after
	make_device cow $((($1 + $1 / 256 + 2) / 256 + 1)) "$LATENCY_NS" 0
	/job/make-store "/dev/$cow" "$1" "$2"
	dmsetup create origin --table "0 $((8 << $2)) zero"
	dmsetup create snap --notable
	before=$(mem_available)
	timed activation dmsetup load snap --table "0 $((8 << $2)) snapshot /dev/mapper/origin /dev/$cow P 8"
	after=$(mem_available)
	case $SCENARIO in
	1m) ACTIVATION_1M=$TOOK ;;
	8m) [ "$ACTIVATION_1M" -eq 0 ] || figure growth "$(thousandths $((TOOK * 1000 / ACTIVATION_1M)))" ;;
	esac
	figure bytes "$(thousandths $(((before - after) * 1024 * 1000 / $1)))"
	dmsetup resume snap
	timed removal dmsetup remove snap
	dmsetup remove origin
	drop_devices
}

need_target snapshot
for SCENARIO; do
	echo "begin $SCENARIO"
	case $SCENARIO in
	1k) exceptions 1024 11 ;;
	16k) exceptions 16384 15 ;;
	128k) exceptions $((128 << 10)) 18 ;;
	1m) exceptions $((1 << 20)) 21 ;;
	8m) exceptions $((8 << 20)) 24 ;;
	*) echo "no such scenario: $SCENARIO" >&2 && exit 1 ;;
	esac
	echo "end $SCENARIO"
done
