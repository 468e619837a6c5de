# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: what leads from one table to another, in all orders, right
# and wrong.

ORIGIN=/dev/mapper/o
table="0 $S snapshot $ORG $COW P 8"

start()
{
	dmsetup create s --table "$table"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	put A $ORIGIN 0 8
	put B /dev/mapper/s 16 8
}

# orders FUNCTION STEP...: calls it with the steps in each order
orders()
{
	local call=$1
	shift
	_orders "$call" "" "$@"
}

_orders()
{
	local call=$1 before=$2 step rest other
	shift 2
	if [ $# -eq 0 ]; then
		# shellcheck disable=SC2086 # words
		$call $before
		return
	fi
	for step; do
		rest=()
		for other; do
			[ "$other" = "$step" ] || rest+=("$other")
		done
		_orders "$call" "$before $step" "${rest[@]}"
	done
}

# do_step ACTION:DEVICE
do_step()
{
	case $1 in
	load:*) x dmsetup load "${1#*:}" --table "$table" ;;
	*) x dmsetup "${1%%:*}" "${1#*:}" ;;
	esac
}

# Everything goes on again, and shows what it has
finish()
{
	local name
	for name in o s d; do
		[ -e "/dev/mapper/$name" ] || continue
		dmsetup resume "$name" > /dev/null 2>&1 || true
		x dmsetup status "$name"
	done
	x put C $ORIGIN 24 8
	for name in s d; do
		# One without a table has no node to read
		if [ -b "/dev/mapper/$name" ] && [ "$(dmsetup info -c --noheadings -o suspended "$name")" = Active ]; then
			x show "/dev/mapper/$name" 0 32
		fi
	done
}

reload()
{
	local step
	scenario "orders: $*"
	start
	for step; do
		do_step "$step"
	done
	finish
}
orders reload load:s suspend:s suspend:o resume:s

move()
{
	local step
	scenario "orders: $*"
	start
	dmsetup create d --notable
	for step; do
		do_step "$step"
	done
	finish
}
orders move load:d suspend:s resume:d remove:s
