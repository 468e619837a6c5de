# SPDX-License-Identifier: GPL-2.0-only
#
# The frame around a case: what happens before it, and the check that it leaves nothing behind.
# Sourced by lib.sh; the agent calls case_begin.

readonly UNFIT=88

# Removes everything that a case may have left, newest first.  Prints a line for each thing that
# cannot be removed, and returns 1 if there is one.
_clean_up()
{
	local name path pid try left=0
	cd /
	# Background processes: the case is the leader of its session
	for pid in $(pgrep -s $$); do
		if [ "$pid" -ne $$ ] && [ "$pid" -ne "$BASHPID" ]; then
			kill -KILL "$pid" 2> /dev/null
		fi
	done
	{
		while read -r _ path _; do
			case $path in
			/mnt/*) echo "$path" ;;
			esac
		done < /proc/mounts
	} | tac | while read -r path; do umount "$path" || umount -l "$path"; done
	if [ -e /etc/lvm/lvm.conf ]; then
		vgchange -q -an > /dev/null 2>&1 # the loop below removes what is left
	fi
	# A device can be removed only after those on top of it, so there is one pass per level.  A
	# suspended device blocks its users, so all are resumed first.
	for ((try = 0; try < 20; try++)); do
		if ! grep -q . < <(_dm_names); then
			break
		fi
		if [ "$try" -eq 0 ]; then
			dmsetup info -c --noheadings -o name,suspended | sed -n 's/:Suspended$//p' |
				while read -r name; do dmsetup resume --noflush "$name" 2> /dev/null; done
		fi
		_dm_names | while read -r name; do
			dmsetup remove "$name" 2> /dev/null
		done
		if [ "$try" -gt 8 ]; then
			sleep 0.1
		fi
	done
	while read -r name; do
		echo "left behind: dm device $name, open count $(dmsetup info -c --noheadings -o open "$name")" >&2
		left=1
	done < <(_dm_names)
	if [ -e "$DISKS_MADE" ]; then
		tac "$DISKS_MADE" > "$DISKS_MADE.last-first"
		while read -r name _; do
			drop_disk "$name" || left=1
		done < "$DISKS_MADE.last-first"
		rm -f "$DISKS_MADE" "$DISKS_MADE.last-first"
	fi
	rm -rf "$TMP"
	if ! unload_module; then
		echo "left behind: the module cannot be unloaded, used by $(cat /sys/module/dm_snapshot/refcnt)" >&2
		left=1
	fi
	return "$left"
}

_dm_names()
{
	dmsetup info -c --noheadings -o name,minor --sort -minor 2> /dev/null | sed -n 's/:[0-9]*$//p'
}

# No `local` in the two traps: bash 5.2 can run them outside of any function
_on_exit()
{
	_rc=$?
	trap - ERR EXIT
	set +eE
	if ! _clean_up; then
		echo "FAIL: $CASE: see 'left behind' above" >&2
		exit "$UNFIT"
	fi
	exit "$_rc"
}

_on_error()
{
	_rc=$?
	printf 'FAIL: %s: exit code %s: %s\n' "$(_where)" "$_rc" "$BASH_COMMAND" >&2
}

# The agent calls this before it sources the case
case_begin()
{
	local serial device
	set -eEuo pipefail
	shopt -s inherit_errexit
	KERNEL=$(uname -r | cut -d . -f 1-2)
	FULL=no
	if [ -e /job/full ]; then
		FULL=yes
	fi
	export KERNEL FULL
	trap _on_exit EXIT
	rm -rf "$TMP" && mkdir -p "$TMP"
	if [ "$STAGE" -eq 1 ]; then
		# LVM2's record of the PVs that it has seen (full guest)
		rm -rf /run/lvm/pvs_online /run/lvm/vgs_online /run/lvm/pvs_lookup
		for serial in /sys/block/vd*/serial; do
			if [ -e "$serial" ] && [[ $(< "$serial") == disk* ]]; then
				device=${serial%/serial}
				blkdiscard -f "/dev/${device##*/}" 2> /dev/null || fail "cannot empty $device"
			fi
		done
	fi
	load_module "$MODULE"
	if [ -e /run/udev/control ]; then
		udevadm settle
	fi
	clear_log
	cd "$TMP"
	trap _on_error ERR
}
