# SPDX-License-Identifier: GPL-2.0-only
#
# The library of the guest tests.
#
# A case is a file tests/vm/cases/NAME.sh.  A fresh bash sources it after this file, as root in the
# guest, with `set -eEuo pipefail`: a command that fails fails the case, and the log says which one.
# A case passes if it reaches its end.  Its output goes to its log; the runner shows the end of the
# log if the case fails.
#
#     # summary: an overwritten chunk is copied before        (required)
#     # guest: quick            quick (default): no udev, no LVM2 | full: both | own: in
#                               another root, modules and all (tests/vm/package)
#     # module: ours            ours (default) | in-tree: what is loaded at the start
#     # kernels: stock          the default: all of tools/lib/kernels.list; um and smp are
#                               the debug kernels, which the runner uses only on request
#     # default: 6.12           those of them without --full (default: 6.1 and 6.12; none:
#                               only with --full, or when the case is named)
#     # disks: 256M 512M        virtio disks, empty at the start (default: none)
#     # timeout: 60             seconds (default 60), for each boot
#     # mem: 1024               MB of memory (default)
#     # smp: 2                  processors (default); the debug kernel smp has 2 always
#     # boots: 2                several boots on the same disks (default 1)
#     # modules: ours in-tree   with boots: the module of each boot
#     # append: slab_nomerge    more kernel arguments
#     # fresh: yes              its own guest, not shared with other cases
#     # tools: dmsnap           this program is /job/vm/dmsnap (only in a full guest)
#     # keeps: NAME             its result of that name is /job/vm/kept/NAME the next time, as
#                               long as kernel, guest, case and libraries are the same (kept.py)
#
#     dev=$(make_ram origin 64)
#     dm_create base "0 $(sectors "$dev") linear $dev 0"
#     expect_eq "$(dmsetup status base)" "0 131072 linear "
#     expect_fail dm_create bad "0 8 linear"
#
# Cases with the same needs share one boot.  Each gets the state of a new guest as far as these
# functions know it.  When a case ends, mounts below /mnt, dm devices, RAM and loop disks are
# removed.  Before it starts, its virtio disks are emptied and the module is reloaded.  A case that
# leaves something that cannot be removed fails.
#
# In the full guest udev activates volume groups of an earlier boot before the case can load its
# module.  A case with several boots therefore makes them with --setautoactivation n, and runs
# `vgchange -ay` itself.
#
# Set for a case: CASE (name), STAGE (1, 2, ... with `boots`), MODULE (as above),
# RESULTS (a directory that the host keeps, and that later stages see), TMP (an
# empty directory, in memory), KERNEL (its series: 6.1, 6.12, 7.3), FULL (yes with
# --full: randomised loops should be longer; otherwise no).
#
# Checks
#   fail TEXT                  ends the case
#   skip TEXT                  ends the case, neither passed nor failed
#   note TEXT                  a line for the log
#   expect_eq GOT WANT [WHAT]  equal strings
#   expect_match GOT REGEX     GOT matches the whole extended REGEX (lines: .*)
#   expect_fail COMMAND...     must fail; what it prints is in $OUTPUT
#   expect_ok COMMAND...       must succeed; what it prints is in $OUTPUT
#   expect_log REGEX           the kernel has logged it since the case started (or clear_log)
#   expect_no_log REGEX
#   clear_log
#   same A B [BYTES]           two devices or files are equal
#   expect_preemption MODEL    the kernel's preemption model: none, voluntary, full, lazy
#   wait_until SECONDS COMMAND...   polls COMMAND until it succeeds; fails after that time
#
# Devices (sizes in MB unless it says sectors of 512 bytes)
#   disk N                     path of virtio disk N (from 0)
#   make_ram NAME MB           RAM disk with discards, removed at the end; prints its path
#   make_ram_bs NAME MB BLOCK  the same with a logical block size
#   make_loop NAME MB          loop device on a file in memory
#   drop_disk NAME             removes one of those before the end
#   dm_create NAME TABLE [OPTIONS...]   waits for the node; TABLE may have several lines
#   dm_load NAME TABLE         new table, not resumed yet
#   dm_reload NAME TABLE       new table, and resume
#   dm_remove NAME...
#   dm_path NAME               /dev/mapper/NAME
#   events_of NAME             number of events of its device
#   events_above NAME N        more than N; for wait_until
#   sectors DEVICE             its size in sectors
#   fill DEVICE SEED [MB] [OFFSET_MB]   repeatable random contents
#   sum_of DEVICE [MB] [OFFSET_MB]      checksum of the contents, read around the cache (sum.cpp)
#   mount_at DEVICE [OPTIONS]  mounts below /mnt/..., prints where
#
# Module
#   load_module ours|in-tree   replaces the loaded one
#   unload_module              removes it; must succeed
#   module_path ours|in-tree
#   loaded_module              ours, in-tree or none
#
# Memory
#   slab_objects NAME          active objects of a slab cache, 0 if there is none
#   slab_settle NAME...        waits for delayed frees, then prints "NAME COUNT" lines
#   mem_available              kB
#
# Several boots
#   power_cut                  ends this boot as if the power failed: nothing is
#                              synced or unmounted; only with a later STAGE

export RESULTS=/results TMP=/tmp/case
OUTPUT=

. /job/vm/lib-devices.sh
. /job/vm/lib-frame.sh

# --- checks ----------------------------------------------------------------

# The current position: the innermost line in the case's own file
_where()
{
	local frame
	for ((frame = 1; frame < ${#BASH_SOURCE[@]}; frame++)); do
		if [[ ${BASH_SOURCE[frame]} == */cases/* ]]; then
			printf '%s:%s' "${BASH_SOURCE[frame]##*/}" "${BASH_LINENO[frame - 1]}"
			return
		fi
	done
	printf '%s' "$CASE"
}

fail()
{
	trap - ERR
	printf 'FAIL: %s: %s\n' "$(_where)" "$*" >&2
	exit 1
}

skip()
{
	trap - ERR
	printf 'SKIP: %s\n' "$*" >&2
	exit 77
}

note()
{
	printf -- '-- %s\n' "$*" >&2
}

expect_eq()
{
	[ "$1" = "$2" ] || fail "${3:-values differ}:
    got:  '$1'
    want: '$2'"
}

expect_match()
{
	[[ $1 =~ ^($2)$ ]] || fail "does not match:
    got:  '$1'
    want: $2"
}

expect_fail()
{
	local rc=0
	OUTPUT=$("$@" 2>&1) || rc=$?
	[ "$rc" -ne 0 ] || fail "succeeded, but must fail: $*
$OUTPUT"
}

expect_ok()
{
	local rc=0
	OUTPUT=$("$@" 2>&1) || rc=$?
	[ "$rc" -eq 0 ] || fail "exit code $rc: $*
$OUTPUT"
}

clear_log()
{
	_log_mark="dmsnap-mark-$CASE-$BASHPID-$RANDOM"
	echo "<6>$_log_mark" > /dev/kmsg
}

# kernel_log: prints what the kernel has logged since clear_log
kernel_log()
{
	dmesg | sed "1,/$_log_mark/d"
}

expect_log()
{
	kernel_log | grep -E -- "$1" > /dev/null || fail "the kernel has not logged: $1
$(kernel_log | tail -n 20)"
}

expect_no_log()
{
	local lines
	lines=$(kernel_log | grep -E -- "$1" | head -n 5) || true
	[ -z "$lines" ] || fail "the kernel has logged:
$lines"
}

same()
{
	local limit=()
	if [ $# -gt 2 ]; then
		limit=(-n "$3")
	fi
	cmp "${limit[@]}" "$1" "$2" >&2 || fail "$1 and $2 differ"
}

expect_preemption()
{
	expect_match "$(< /sys/kernel/debug/sched/preempt)" ".*\\($1\\).*"
}

wait_until()
{
	# On a busy host the guest's clock may run many times too fast
	local end=$((SECONDS + $1)) tries=$(($1 * 10))
	shift
	until "$@"; do
		((tries-- > 0)) || [ "$SECONDS" -lt "$end" ] || fail "did not become true in time: $*"
		sleep 0.05
	done
}

# --- module ----------------------------------------------------------------

module_path()
{
	case $1 in
	ours) printf '/lib/modules/%s/updates/dm-snapshot.ko\n' "$(uname -r)" ;;
	in-tree) printf '%s\n' "/lib/modules/$(uname -r)/kernel/drivers/md/dm-snapshot.ko"* ;; # compressed in own guests
	*) fail "unknown module '$1' (ours or in-tree)" ;;
	esac
}

loaded_module()
{
	if [ ! -e /sys/module/dm_snapshot ]; then
		echo none
	elif grep -q O /sys/module/dm_snapshot/taint; then
		echo ours
	else
		echo in-tree
	fi
}

unload_module()
{
	if [ -e /sys/module/dm_snapshot ]; then
		rmmod dm_snapshot
	fi
}

load_module()
{
	local path needs
	path=$(module_path "$1")
	[ -e "$path" ] || fail "this guest has no $1 module"
	needs=$(modinfo -F depends "$path")
	if [ -n "$needs" ]; then
		# shellcheck disable=SC2086 # one word for each module
		modprobe -a ${needs//,/ }
	fi
	unload_module
	insmod "$path"
	expect_eq "$(loaded_module)" "$1" "the wrong module is loaded"
}

# --- memory ----------------------------------------------------------------

slab_objects()
{
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' /proc/slabinfo
}

slab_settle()
{
	local name cache
	echo 3 > /proc/sys/vm/drop_caches
	for name in "$@"; do
		cache=/sys/kernel/slab/$name
		# Without this, empty slabs on the per-CPU lists count as objects
		if [ -e "$cache/shrink" ]; then
			echo 1 > "$cache/shrink"
		fi
		printf '%s %s\n' "$name" "$(slab_objects "$name")"
	done
}

# In kB.  MemAvailable leaves out the free pages in each processor's own lists, up to 28 MB.
mem_available()
{
	awk '$1 == "MemAvailable:" { kB += $2 } $1 == "count:" { kB += 4 * $2 } END { print kB }' \
		/proc/meminfo /proc/zoneinfo
}

# --- several boots ---------------------------------------------------------

power_cut()
{
	trap - ERR EXIT
	echo "<4>dmsnap: power cut please" > /dev/kmsg
	while :; do sleep 1000; done
}
