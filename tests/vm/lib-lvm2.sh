# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the cases that tests/vm/lvm2-suite makes.  A case sources this after lib.sh.
#
#   lvm2_test NAME     runs this test of LVM2's own suite
#   stall_by_default   all snapshots wait when they are full

stall_by_default()
{
	echo Y > /sys/module/dm_snapshot/parameters/stall_on_full
	echo 75 > /sys/module/dm_snapshot/parameters/low_water
}

lvm2_test()
{
	local rc=0
	modprobe sd_mod # for scsi_debug, which some tests use
	# Its wrappers look for the real lvm in PATH without directories of this name
	mkdir lvm2-testsuite work
	tar -C lvm2-testsuite -xf /job/vm/lvm2-suite.tar
	cd lvm2-testsuite || return
	export PATH=$PWD/lib:$PATH LVM_TEST_FLAVOUR=ndev-vanilla LVM_TEST_DIR=$TMP/work
	# The tests create their own device nodes here
	mount -t tmpfs -o size=1200m tmpfs "$TMP/work"
	setsid --wait bash -noprofile -norc "shell/$1.sh" > "$TMP/out" 2>&1 || rc=$?
	pkill -x dmeventd || true
	cd "$TMP" || return
	umount -l "$TMP/work"
	case $rc in
	0) ;;
	200) skip "$(grep -m 1 'TEST SKIPPED' "$TMP/out" || echo "it does not say why")" ;;
	*)
		grep -v '^## Line' "$TMP/out" | tail -n 150 >&2
		fail "LVM2's test $1 has failed, exit code $rc"
		;;
	esac
}
