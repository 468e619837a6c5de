# SPDX-License-Identifier: GPL-2.0-only
#
# What both guests' first process needs: the options on the kernel's command
# line, and running the job.  POSIX sh, sourced.

# option NAME DEFAULT: the value of dmsnap.NAME= on the kernel's command line
option()
{
	for word in $(cat /proc/cmdline); do
		case $word in
		dmsnap."$1"=*)
			echo "${word#*=}"
			return
			;;
		esac
	done
	echo "$2"
}

# Tell the host something, in the order in which the kernel says things: the
# line goes through the kernel's log, so it cannot be torn by a message of the
# kernel's.
say_host()
{
	echo "<4>dmsnap: $*" > /dev/kmsg
}

# The port on which a job's output goes to the host
output_port()
{
	for port in /sys/class/virtio-ports/*; do
		if [ "$(cat "$port/name" 2>/dev/null)" = dmsnap.output ]; then
			echo "/dev/${port##*/}"
			return
		fi
	done
	echo /dev/console
}

finish()
{
	sync
	echo "$1" > /results/.exit-code.new && mv /results/.exit-code.new /results/.exit-code
	say_host "end of job, exit code $1"
	poweroff -f
	# Only a broken machine comes here, and the host's time limit ends it.
	while :; do sleep 1000; done
}

run_job()
{
	export HOME=/root TERM="${TERM:-linux}" LC_ALL=C
	cd /
	module=$(option module none)
	if [ "$module" != none ] && ! modprobe dm-snapshot; then
		say_host "cannot load the $module dm-snapshot"
		dmesg | tail -n 20
		finish 125
	fi
	if [ "$(option mode job)" = shell ]; then
		say_host "ready"
		setsid -c bash /job/main < /dev/ttyS0 > /dev/ttyS0 2>&1
	else
		port=$(output_port)
		say_host "ready"
		bash /job/main < /dev/null > "$port" 2>&1
	fi
	finish $?
}
