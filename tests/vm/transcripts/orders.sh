# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: the steps from one table to another, in every order, right and wrong.

ORIGIN=/dev/mapper/o
table="0 $S snapshot $ORG $COW P 8"

start()
{
	dmsetup create s --table "$table"
	dmsetup create o --table "0 $S snapshot-origin $ORG"
	put A $ORIGIN 0 8
	put B /dev/mapper/s 16 8
}

# orders STEP...: plays the steps in each order
orders()
{
	_orders "" "$@"
}

_orders()
{
	local before=$1 step rest other
	shift
	if [ $# -eq 0 ]; then
		# shellcheck disable=SC2086 # words
		play $before
		return
	fi
	for step; do
		rest=()
		for other; do
			[ "$other" = "$step" ] || rest+=("$other")
		done
		_orders "$before $step" "${rest[@]}"
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

# Resumes everything, and shows its contents
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
		# A device without a table has no node
		if [ -b "/dev/mapper/$name" ] && [ "$(dmsetup info -c --noheadings -o suspended "$name")" = Active ]; then
			x show "/dev/mapper/$name" 0 32
		fi
	done
}

# play STEP...: plays the steps, with a second device if a step concerns it
play()
{
	local step
	scenario "orders: $*"
	start
	[[ $* != *:d* ]] || dmsetup create d --notable
	for step; do
		do_step "$step"
	done
	finish
}
orders load:s suspend:s suspend:o resume:s
orders load:d suspend:s resume:d remove:s
